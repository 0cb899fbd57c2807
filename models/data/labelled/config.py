"""Formats of labelled files as configurations: `LabelledFormat`, `TaggedFormat` and `QuestionFormat`.

Importing it loads nothing but the standard library, so that schemas and the command line start fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from models.data.encoding_names import UTF_8, check_encoding
from models.errors import InvalidInput

LabelledFormatName: TypeAlias = Literal["csv", "tsv", "jsonl", "lines", "label_text"]
TaggedFormatName: TypeAlias = Literal["conll", "conllu", "word_tag", "masc"]
QuestionFormatName: TypeAlias = Literal["squad", "squad_pieces", "babi"]
ConlluTag: TypeAlias = Literal["upos", "xpos"]


@dataclass(frozen=True)
class LabelledFormat:
    """Format of files of labelled texts. Raises InvalidInput naming the field.

    >>> LabelledFormat("tsv", columns=("label", "text")).columns
    ('label', 'text')
    """

    format: LabelledFormatName | None = None
    """`csv` (quoted as RFC 4180 says), `tsv` (never quoted), `jsonl` (an object a line), `lines` (a text a line, all of
    a file with one label), `label_text` (the label, a blank, the text); None: by the file's ending .csv, .tsv, .jsonl.
    """
    text_column: str = "text"
    """Name of the column, or the key, of the text."""
    label_column: str = "label"
    """Name of the column, or the key, of the label."""
    columns: tuple[str, ...] = ()
    """Names of all columns of a csv or tsv file without a header; when empty, the file's first line names them."""
    multi_label: bool = False
    """Whether a text may have several labels, or none: a list in jsonl, in csv and tsv joined by `label_separator`."""
    label_separator: str = "|"
    """Text between the labels of a text; for `multi_label` in csv and tsv."""
    file_labels: tuple[str, ...] = ()
    """Label of each file, in their order; for `lines` only."""
    coarse: bool = False
    """Keep of each label what stands before its first colon: DESC of TREC's DESC:manner; for `label_text` only."""
    encoding: str = UTF_8
    """How the characters of the files are written: utf-8, latin-1, cp1252, utf-16, or another encoding of Python."""

    def __post_init__(self) -> None:
        _check_choice("format", self.format, LabelledFormatName, optional=True)
        check_encoding(self.encoding)
        _check_booleans(self, "multi_label", "coarse")
        self._check_columns()
        if (self.format == "lines") != bool(self.file_labels):
            raise InvalidInput("file_labels", "must give one label a file for the format lines, and none for others")
        if not all(isinstance(label, str) and label.strip() for label in self.file_labels):
            raise InvalidInput("file_labels", "must be labels that are not empty")
        if self.coarse and self.format != "label_text":
            raise InvalidInput("coarse", "must be false, but for the format label_text")
        if self.multi_label and self.format in ("lines", "label_text"):
            raise InvalidInput("multi_label", f"must be false for the format {self.format}: it has one label a text")

    def _check_columns(self) -> None:
        for field in ("text_column", "label_column", "label_separator"):
            if not isinstance(getattr(self, field), str) or not getattr(self, field):
                raise InvalidInput(field, "must be a text that is not empty")
        if self.text_column == self.label_column:
            raise InvalidInput("label_column", "must be another column than that of the text")
        if not self.columns:
            return
        if self.format in ("jsonl", "lines", "label_text"):
            raise InvalidInput("columns", f"must be empty for the format {self.format}; csv and tsv have columns")
        for name in (self.text_column, self.label_column):
            if self.columns.count(name) != 1:
                raise InvalidInput("columns", f"must hold {name!r} exactly once, among {', '.join(self.columns)}")


@dataclass(frozen=True)
class TaggedFormat:
    """Format of files of tagged sentences. Raises InvalidInput naming the field."""

    format: TaggedFormatName | None = None
    """`conll` (a token a line, its tag in the last column, an empty line after a sentence), `conllu` (ten columns),
    `word_tag` (a sentence a line, of `word_TAG` pieces), `masc` (that, with words of several pieces); None: by the
    file's ending .conll, .conllu."""
    tag: ConlluTag = "upos"
    """Column of a conllu file that holds the tag."""
    iob_to_bio: bool = False
    """Whether tags are IO or IOB1, where `I-` begins a span too: the first of each span is made `B-`."""
    encoding: str = UTF_8
    """How the characters of the files are written: utf-8, latin-1, cp1252, utf-16, or another encoding of Python."""

    def __post_init__(self) -> None:
        _check_choice("format", self.format, TaggedFormatName, optional=True)
        _check_choice("tag", self.tag, ConlluTag)
        check_encoding(self.encoding)
        _check_booleans(self, "iob_to_bio")


@dataclass(frozen=True)
class QuestionFormat:
    """Format of files of questions. Raises InvalidInput naming the field."""

    format: QuestionFormatName | None = None
    """`squad` (JSON of SQuAD 1.1 or 2.0), `squad_pieces` (four parallel files; give the one that ends in .context),
    `babi` (numbered lines); None: by the file's ending .json, .context."""
    encoding: str = UTF_8
    """How the characters of the files are written: utf-8, latin-1, cp1252, utf-16, or another encoding of Python."""

    def __post_init__(self) -> None:
        _check_choice("format", self.format, QuestionFormatName, optional=True)
        check_encoding(self.encoding)


def _check_choice(field: str, value: object, choices: Any, *, optional: bool = False) -> None:
    if value not in get_args(choices) and not (optional and value is None):
        raise InvalidInput(field, f"must be one of {', '.join(get_args(choices))}, not {value!r}")


def _check_booleans(config: object, *names: str) -> None:
    for name in names:
        if not isinstance(getattr(config, name), bool):
            raise InvalidInput(name, f"must be true or false, not {getattr(config, name)!r}")
