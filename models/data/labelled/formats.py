"""Labelled files in any format: `read_labelled_texts`, `read_tagged`, `read_questions`.

Each reads several files as one list of examples, in the format that the configuration names or the files' endings tell.
All raise InvalidInput for a file of no known format, and InvalidText for the first line that is wrong, or where there
is no example at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from models.data.labelled.babi import read_babi
from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.data.labelled.conll import iob_to_bio, read_conll, read_conllu, read_word_tags
from models.data.labelled.examples import LabelledText, Question, TaggedSentence
from models.data.labelled.squad import read_squad, read_squad_pieces
from models.data.labelled.tables import read_jsonl, read_label_lines, read_lines_with_label, read_table
from models.errors import InvalidInput, InvalidText

Format = TypeVar("Format", LabelledFormat, TaggedFormat, QuestionFormat)
Example = TypeVar("Example")

_LABELLED_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl"}
_TAGGED_ENDINGS = {".conll": "conll", ".conllu": "conllu"}
_QUESTION_ENDINGS = {".json": "squad", ".context": "squad_pieces"}
_LABELLED_READERS = {"csv": read_table, "tsv": read_table, "jsonl": read_jsonl, "label_text": read_label_lines}
_QUESTION_READERS = {"squad": read_squad, "squad_pieces": read_squad_pieces, "babi": read_babi}


def read_labelled_texts(paths: Sequence[Path], options: LabelledFormat | None = None) -> list[LabelledText]:
    """Read labelled texts from files; `options.file_labels` must label as many files as there are."""
    options = options or LabelledFormat()
    if options.format == "lines" and len(options.file_labels) != len(paths):
        message = f"must give one label a file; there are {len(paths)} files and {len(options.file_labels)} labels"
        raise InvalidInput("file_labels", message)
    examples: list[LabelledText] = []
    for i, path in enumerate(paths):
        known = _with_format(options, path, _LABELLED_ENDINGS)
        if known.format == "lines":
            examples += read_lines_with_label(path, options.file_labels[i], options.encoding)
        else:
            examples += _LABELLED_READERS[cast(str, known.format)](path, known)
    return _not_empty(paths, examples)


def read_tagged(paths: Sequence[Path], options: TaggedFormat | None = None) -> list[TaggedSentence]:
    """Read tagged sentences from files."""
    options = options or TaggedFormat()
    sentences = [s for path in paths for s in _read_tagged_file(path, _with_format(options, path, _TAGGED_ENDINGS))]
    if options.iob_to_bio:
        sentences = [replace(sentence, tags=iob_to_bio(sentence.tags)) for sentence in sentences]
    return _not_empty(paths, sentences)


def read_questions(paths: Sequence[Path], options: QuestionFormat | None = None) -> list[Question]:
    """Read questions with their contexts and answers from files."""
    options = options or QuestionFormat()
    questions: list[Question] = []
    for path in paths:
        known = _with_format(options, path, _QUESTION_ENDINGS)
        file = _QUESTION_READERS[cast(str, known.format)](path, known.encoding)
        questions += (replace(question, file=path.name) for question in file)
    return _not_empty(paths, questions)


def _read_tagged_file(path: Path, options: TaggedFormat) -> list[TaggedSentence]:
    if options.format == "conll":
        return read_conll(path, options.encoding)
    if options.format == "conllu":
        return read_conllu(path, options.tag, options.encoding)
    return read_word_tags(path, options.encoding, in_pieces=options.format == "masc")


def _with_format(options: Format, path: Path, endings: dict[str, Any]) -> Format:
    """Return `options` with the format's name; InvalidInput where the file's ending does not tell it."""
    if options.format is not None:
        return options
    if path.suffix.lower() not in endings:
        message = f"must be given for {path.name}: only {', '.join(endings)} tell a file's format"
        raise InvalidInput("format", message)
    return replace(options, format=endings[path.suffix.lower()])


def _not_empty(paths: Sequence[Path], examples: list[Example]) -> list[Example]:
    if not examples:
        raise InvalidText("files", f"must hold examples; there is none in {', '.join(map(str, paths)) or 'no file'}")
    return examples
