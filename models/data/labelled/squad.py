"""Readers of questions about passages: SQuAD's JSON, and its pieces in four parallel files.

SQuAD 1.1 and 2.0: Rajpurkar et al. 2016 and 2018.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.data.encoding_names import UTF_8
from models.data.labelled.examples import Answer, Question
from models.data.labelled.lines import check_text, fault, numbered_lines, read_text
from models.errors import InvalidText
from models.tokenization.raw_text import WHITESPACE

_PIECE_ENDINGS = (".context", ".question", ".answer", ".span")
_TOKEN = re.compile(r"[^ ]+")


def read_squad(path: Path, encoding: str = UTF_8) -> list[Question]:
    """Read SQuAD's JSON, version 1.1 or 2.0.

    Raises InvalidText that names the line of what is no JSON, or the question that is wrong: every answer must stand in
    its context where it says. A question has answers unless `is_impossible` is true.
    """
    try:
        content = json.loads(read_text(path, encoding))
    except json.JSONDecodeError as error:
        raise fault(path, error.lineno, f"must be JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets in thousands
        raise fault(path, 1, f"must be JSON: {error}") from None
    return [_read_question(path, i, context, entry) for i, (context, entry) in enumerate(_entries(path, content), 1)]


def _entries(path: Path, content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each question's object with its context."""
    for article in _member(path, "the file", content, "data", list):
        for paragraph in _member(path, "each element of data", article, "paragraphs", list):
            context = _member(path, "each paragraph", paragraph, "context", str)
            for entry in _member(path, "each paragraph", paragraph, "qas", list):
                yield context, entry


def _read_question(path: Path, number: int, context: str, entry: Any) -> Question:
    where = f"question {number}"
    where = f"question {_member(path, where, entry, 'id', str)!r:.100}"
    check_text(path, where, "the context", context)
    question = check_text(path, where, "the question", _member(path, where, entry, "question", str))
    if entry.get("is_impossible") is True:
        return Question(context, question, (), number)
    answers = _member(path, where, entry, "answers", list)
    if not answers:
        raise fault(path, where, "must have an answer, or is_impossible")
    return Question(context, question, tuple(_read_answer(path, where, context, answer) for answer in answers), number)


def _read_answer(path: Path, where: str, context: str, entry: Any) -> Answer:
    text = _member(path, f"each answer of {where}", entry, "text", str)
    start = _member(path, f"each answer of {where}", entry, "answer_start", int)
    if not text or start < 0 or context[start : start + len(text)] != text:
        message = f"must have answers that stand in its context: {text!r:.100} does not at character {start}"
        raise fault(path, where, message)
    return Answer(text, start)


def _member(path: Path, where: str, container: Any, key: str, kind: type) -> Any:
    """Return a member of a JSON object; InvalidText says where it is missing or of another kind."""
    names = {list: "a list", str: "a text", int: "a whole number"}
    if not isinstance(container, dict) or type(container.get(key)) is not kind:
        raise InvalidText(str(path), f"{where} must be an object whose {key!r} is {names[kind]}")
    return container[key]


def read_squad_pieces(path: Path, encoding: str = UTF_8) -> list[Question]:
    """Read files of contexts, questions, answers and spans, a question a line.

    `path` is that of the contexts; the others end in .question, .answer and .span. Contexts are tokens between blanks,
    and a span is its first and last token, from 0 (a span of the published files has them the other way round). The
    answer stands in the span; the tokens at its ends may be longer ("19th" of "19th-century").
    """
    files = [path.with_suffix(ending) for ending in _PIECE_ENDINGS]
    columns = [[text for _, text in numbered_lines(file, encoding)] for file in files]
    columns = [column[:-1] if column[-1] == "" else column for column in columns]
    for file, column in zip(files, columns, strict=True):
        if len(column) != len(columns[0]):
            message = f"must have as many lines as {path.name}, {len(columns[0])}, not {len(column)}"
            raise InvalidText(str(file), message)
    return [_read_pieces(files, line, *pieces) for line, pieces in enumerate(zip(*columns, strict=True), 1)]


def _read_pieces(files: list[Path], line: int, context: str, question: str, answer: str, span: str) -> Question:
    for file, name, text in zip(files, ("context", "question", "answer"), (context, question, answer), strict=False):
        check_text(file, line, f"the {name}", text)
    tokens = list(_TOKEN.finditer(context))
    match = re.fullmatch(r"(\d{1,18}) (\d{1,18})", span.strip(WHITESPACE))
    first, last = sorted(map(int, match.groups())) if match else (0, len(tokens))
    if last >= len(tokens):
        message = f"must be the first and the last token of the answer, from 0 to {len(tokens) - 1}, not {span!r:.50}"
        raise fault(files[3], line, message)
    start = context.find(answer.strip(WHITESPACE), tokens[first].start(), tokens[last].end())
    if start < 0:
        message = f"must stand in the context at its span {span.strip(WHITESPACE)}, and {answer!r:.100} does not"
        raise fault(files[2], line, message)
    return Question(context, question.strip(WHITESPACE), (Answer(answer.strip(WHITESPACE), start),), line)
