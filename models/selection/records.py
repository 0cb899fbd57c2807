"""Records of a block: their texts, why some have none, and their lines with scores.

A record keeps its bytes: scores are put in front of the last brace of its line, so that numbers, order and spelling of
its other fields stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from models.selection.config import RecordFormat

SCORES_FIELD = "scores"
"""Field that a record gets; one of this name that it has is replaced."""
_SCORES_KEY = b'"scores"'


class ParsedRecords(NamedTuple):
    """Records of N lines that are not blank.

    lines: [N] as they were read, those of JSON without white space around them; empty for one that was too long.
    texts: [N] what is to be scored; empty for a bad record.
    numbers: [N] of the line in its file.
    errors: why a record is bad, by its position.
    """

    lines: list[bytes]
    texts: list[str]
    numbers: list[int]
    errors: dict[int, str]


def parse_lines(lines: Sequence[bytes | None], first_line: int, kind: RecordFormat, text_field: str) -> ParsedRecords:
    """Parse lines of JSON objects, or of text; blank ones are passed over."""
    records = ParsedRecords([], [], [], {})
    read = _read_text if kind == "text" else _read_object
    for number, line in enumerate(lines, first_line):
        stripped = b"" if line is None else line.strip()
        if line is not None and not stripped:
            continue
        content = stripped if kind != "text" else b"" if line is None else line.removesuffix(b"\r")
        text, error = read(content, text_field) if line is not None else ("", "is longer than a record may be")
        if error:
            records.errors[len(records.lines)] = error
        records.lines.append(content)
        records.texts.append(text)
        records.numbers.append(number)
    return records


def scored_line(line: bytes, kind: RecordFormat, text: str, scores: bytes) -> bytes:
    """Return the line of a record with its scores, a JSON object, as the last field, without an end.

    >>> scored_line(b'{"text": "a", "id": 1.0}', "jsonl", "a", b'{"perplexity":2.5}')
    b'{"text": "a", "id": 1.0,"scores":{"perplexity":2.5}}'
    """
    if kind == "text":
        line = orjson.dumps({"text": text})
    elif _SCORES_KEY in line:
        line = _without_scores(line)
    return b'%b%b"scores":%b}' % (line[:-1], b"" if line == b"{}" else b",", scores)


def error_line(line: bytes, kind: RecordFormat, text: str, number: int, message: str) -> bytes:
    """Return the line of a record that has no scores but an error."""
    error = {"line": number, "error": message}
    if kind == "text" or not _is_object(line):
        return orjson.dumps({SCORES_FIELD: error} | ({"text": text} if text else {}))
    return scored_line(line, kind, text, orjson.dumps(error))


def _read_object(line: bytes, text_field: str) -> tuple[str, str]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return "", f"is not JSON: {error.msg}"
    if not isinstance(record, dict):
        return "", "must be a JSON object"
    text = record.get(text_field)
    if not isinstance(text, str):
        return "", f'must have a string as "{text_field}"'
    return text, ""


def _read_text(line: bytes, _: str) -> tuple[str, str]:
    try:
        return line.decode(), ""
    except UnicodeDecodeError as error:
        return "", f"is not UTF-8 (byte {error.start} of it, from 0)"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _without_scores(line: bytes) -> bytes:
    """Return the line of a record without its field `scores`, where it has one."""
    record = json.loads(line)
    if SCORES_FIELD not in record:
        return line
    del record[SCORES_FIELD]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
