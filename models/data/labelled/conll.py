"""Readers of tagged sentences: columns as in CoNLL, CoNLL-U, and lines of `word_TAG` pieces.

Each returns the sentences in order, or raises InvalidText with the first line that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from models.data.encoding_names import UTF_8
from models.data.labelled.config import ConlluTag
from models.data.labelled.examples import TaggedSentence
from models.data.labelled.lines import check_text, fault, numbered_lines
from models.tokenization.raw_text import WHITESPACE

_CONLLU_COLUMNS = {"form": 1, "upos": 3, "xpos": 4}
_CONLLU_COLUMN_COUNT = 10
_CONLLU_ID = re.compile(r"[1-9]\d*")
_CONLLU_SKIPPED_ID = re.compile(r"\d+[-.]\d+")
"""Multi-word tokens, `1-2`, whose words follow one by one, and empty nodes, `1.1`, which stand in no text."""
_BETWEEN_BLANKS = re.compile(r"[^ \t]+")
_DOCUMENT_START = "-DOCSTART-"
"""Token of the sentences that begin the documents of CoNLL-2003, and no words of them."""

_Row = tuple[int, list[str]]
"""Line number and columns."""


def read_conll(path: Path, encoding: str = UTF_8) -> list[TaggedSentence]:
    """Read columns: the token in the first, its tag in the last, an empty line after each sentence.

    Columns are separated by tabs or, in a line without any, by blanks.
    """
    sentences, column_count = [], 0
    for rows in _sentences(path, encoding):
        for line, row in rows:
            column_count = column_count or len(row)
            if len(row) != column_count or len(row) < 2:
                wanted = "at least 2" if column_count < 2 else str(column_count)
                raise fault(path, line, f"must have {wanted} columns, the token first and the tag last, not {len(row)}")
        if rows[0][1][0] != _DOCUMENT_START:
            sentences.append(_tagged_sentence(path, [(line, row[0], row[-1]) for line, row in rows]))
    return sentences


def read_conllu(path: Path, tag: ConlluTag = "upos", encoding: str = UTF_8) -> list[TaggedSentence]:
    """Read CoNLL-U: ten columns separated by tabs; lines that begin with # are comments."""
    sentences = []
    for rows in _sentences(path, encoding, comments=True):
        words = [(line, row) for line, row in rows if _is_conllu_word(path, line, row)]
        column = _CONLLU_COLUMNS[tag]
        for line, row in words:
            if row[column] == "_":
                raise fault(path, line, f"must have a tag in the column {tag.upper()}, and has none (_)")
        tokens = [(line, row[_CONLLU_COLUMNS["form"]], row[column]) for line, row in words]
        if tokens:
            sentences.append(_tagged_sentence(path, tokens))
    return sentences


def read_word_tags(path: Path, encoding: str = UTF_8, *, in_pieces: bool = False) -> list[TaggedSentence]:
    """Read a sentence a line, of pieces `word_TAG` between blanks.

    The tag stands after the last underscore. `in_pieces`: words may hold blanks, so that a piece without a tag belongs
    to the word after it, as in `D. C._NN`; tags without a word, and words without a tag at the end of a line, are left
    out. MASC has some of each; without `in_pieces` they are faults.
    """
    sentences = []
    for line, content in numbered_lines(path, encoding):
        pieces = _BETWEEN_BLANKS.findall(content)
        tokens = [(line, *_split_piece(path, line, piece)) for piece in (_join(pieces) if in_pieces else pieces)]
        if tokens:
            sentences.append(_tagged_sentence(path, tokens))
    return sentences


def iob_to_bio(tags: Sequence[str]) -> tuple[str, ...]:
    """Make the first tag of each span `B-`.

    `tags` are IO, or IOB1, where `B-` stands only between two spans of one type.

    >>> iob_to_bio(["I-PER", "I-PER", "O", "I-ORG", "B-ORG"])
    ('B-PER', 'I-PER', 'O', 'B-ORG', 'B-ORG')
    """
    before = ["O", *tags]
    return tuple(
        f"B-{tag[2:]}" if tag.startswith("I-") and previous[2:] != tag[2:] else tag
        for previous, tag in zip(before, tags, strict=False)
    )


def _sentences(path: Path, encoding: str, *, comments: bool = False) -> Iterator[list[_Row]]:
    """Yield the rows between empty lines; a line of blanks and tabs alone counts as empty."""
    lines = ((i, line) for i, line in numbered_lines(path, encoding) if not (comments and line.startswith("#")))
    for blank, group in groupby(lines, lambda numbered: not numbered[1].strip(WHITESPACE)):
        if not blank:
            yield [(i, line.split("\t") if "\t" in line else _BETWEEN_BLANKS.findall(line)) for i, line in group]


def _is_conllu_word(path: Path, line: int, row: list[str]) -> bool:
    if len(row) != _CONLLU_COLUMN_COUNT:
        raise fault(path, line, f"must have {_CONLLU_COLUMN_COUNT} columns separated by tabs, not {len(row)}")
    if not _CONLLU_ID.fullmatch(row[0]) and not _CONLLU_SKIPPED_ID.fullmatch(row[0]):
        raise fault(path, line, f"must begin with the number of a word, as 1, 1-2 or 1.1, not {row[0]!r:.100}")
    return _CONLLU_ID.fullmatch(row[0]) is not None


def _tagged_sentence(path: Path, tokens: list[tuple[int, str, str]]) -> TaggedSentence:
    for line, token, tag in tokens:
        check_text(path, line, "the token", token)
        check_text(path, line, "the tag", tag)
    lines, forms, tags = zip(*tokens, strict=True)
    return TaggedSentence(forms, tags, lines[0])


def _join(pieces: Sequence[str]) -> Iterator[str]:
    """Yield each tagged piece after those without a tag before it; leave out tags without a word."""
    waiting: list[str] = []
    for piece in pieces:
        waiting.append(piece)
        if "_" in piece and (piece.rpartition("_")[0] or len(waiting) > 1):
            yield " ".join(waiting)
        if "_" in piece:
            waiting = []


def _split_piece(path: Path, line: int, piece: str) -> tuple[str, str]:
    word, _, tag = piece.rpartition("_")
    if not word or not tag:
        raise fault(path, line, f"must be pieces word_TAG between blanks; {piece!r:.100} is none")
    return word, tag
