"""Records of a stream: a line of JSON each, judged one by one.

`parse_record` reads a line, `own_fields` picks what its result repeats, `record_text` its text, and `record_line`
writes it. A result's `error` is always the service's: a record's own fields of the names that results use come back
inside `record`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from contextlib import suppress
from typing import Any, TypeAlias

import orjson

from app.core.plain_messages import explain_json
from app.http.json_body import content_hint
from app.http.request_body import RecordLine
from models.errors import InvalidInput

Record: TypeAlias = dict[str, Any]
_PERHAPS_INEXACT = re.compile(rb"[0-9]{16}|[0-9][eE][+-]?[0-9]")
"""Numbers that orjson might round or read as infinity."""
_EXACT_TYPES = frozenset([str, int, bool, type(None)])
"""Types of values that orjson reads as they are written; integers of more than 64 bits become floats."""


def parse_record(line: RecordLine) -> Record:
    """Return the record of a line. Raises InvalidInput for one that is no JSON object."""
    if line.data is None:
        raise InvalidInput("record", f"line {line.number} is longer than a record may be")
    try:
        record = _load(line.data)
    except (ValueError, RecursionError) as error:
        reason = f"{_explain(error)}{content_hint(line.data)}"
        raise InvalidInput("record", f"line {line.number} is not JSON: {reason}") from error
    if not isinstance(record, dict):
        raise InvalidInput("record", _accepted(line))
    return record


def record_line(content: Record) -> bytes:
    """Encode the result of a record in ASCII: a repeated field may hold half a surrogate pair, or U+0085."""
    try:
        line = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # what UTF-8 or 64 bits cannot hold, or deep nesting
        line = b"\x80"
    if line.isascii():
        return line
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _load(data: bytes) -> Any:
    """Parse JSON as the standard library does, with the quicker orjson where both agree."""
    with suppress(orjson.JSONDecodeError):  # the library's words are those that are explained
        record = orjson.loads(data)
        if isinstance(record, dict) and _EXACT_TYPES.issuperset(map(type, record.values())):
            return record
        if _PERHAPS_INEXACT.search(data) is None:
            return record
    text = data.decode("utf-8-sig")  # JSON in UTF-16 cannot be cut into lines of bytes
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_float)


def record_text(line: RecordLine, record: Record) -> str:
    """Return the text of a record. Raises InvalidInput for one without."""
    text = record.get("text")
    if not isinstance(text, str):
        raise InvalidInput("record", _accepted(line))
    return text


def own_fields(record: Record, reserved: Collection[str], *, keep_text: bool) -> Record:
    """Return the fields that a record's result repeats, those of `reserved` names inside `record`.

    >>> own_fields({"id": 1, "text": "a", "error": "typo"}, {"error", "record"}, keep_text=False)
    {'id': 1, 'record': {'error': 'typo'}}
    """
    fields = dict(record)
    if not keep_text:
        fields.pop("text", None)
    if fields.keys().isdisjoint(reserved):
        return fields
    moved = {name: fields.pop(name) for name in record if name in reserved}
    return fields | {"record": moved} if moved else fields


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{explain_json(error.msg)} (column {error.colno})"
    return explain_json(str(error))


def _accepted(line: RecordLine) -> str:
    return f'line {line.number} must be an object with a string as "text"'


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _parse_float(digits: str) -> float:
    """Return a number that JSON can repeat: one beyond the largest float would be read as infinity."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number
