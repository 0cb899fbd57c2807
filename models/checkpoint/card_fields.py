"""Fields of a card as JSON holds them, checked one by one.

What is outside these bounds reaches no part of a service.

Whoever lists models, builds one or answers with a card relies on it: numbers are finite and fit 64 bits, text is
Unicode, nothing is nested without end, names are names and times are times.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from models.checkpoint.model_name import parse_version
from models.errors import InvalidInput
from models.utils.regular_files import read_regular

MAX_CARD_BYTES = 16 << 20
MAX_DEPTH = 32
"""Most objects and lists one inside the other."""
MAX_WHOLE_NUMBER = 2**63 - 1
MAX_VOCABULARY = 1 << 31
"""Most tokens of a model."""
MAX_FILE_BYTES = 1 << 40
_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Fields = Mapping[str, Any]
_Value = TypeVar("_Value")


def read_object(path: Path) -> Fields:
    """Read a JSON object from a file. Raises OSError, ValueError, or RecursionError for anything else."""
    return parse_object(read_regular(path, MAX_CARD_BYTES))


def parse_object(content: bytes) -> Fields:
    """Return the JSON object in some bytes. Raises ValueError, or RecursionError for anything else."""
    parsed = json.loads(content, parse_constant=_refuse_constant)
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")
    for name, value in parsed.items():
        check_json(value, f"field {name!r:.100}")
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def check_json(value: object, place: str, depth: int = 1) -> None:
    """Raise ValueError, naming the place, for what could not be written as JSON again, or by few programs."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{place} is nested too deep")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_scalar(key, place)
            check_json(item, place, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_json(item, place, depth + 1)
    else:
        _check_scalar(value, place)


def _check_scalar(value: object, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} holds a number that is not finite")
    if isinstance(value, int) and abs(value) > MAX_WHOLE_NUMBER:
        raise ValueError(f"{place} holds a whole number that does not fit 64 bits")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{place} holds text that is not Unicode") from None


def typed(fields: Fields, name: str, kind: type[_Value]) -> _Value:
    """Return a field of exactly this type; True is no int. Raises ValueError otherwise."""
    if type(fields.get(name)) is not kind:
        raise ValueError(f"field {name} is missing or not of type {kind.__name__}")
    return cast("_Value", fields[name])


def whole(fields: Fields, name: str, least: int, most: int = MAX_WHOLE_NUMBER) -> int:
    """Return a whole number in a range. Raises ValueError otherwise."""
    value = typed(fields, name, int)
    if not least <= value <= most:
        raise ValueError(f"field {name} is not a whole number from {least} to {most}")
    return value


def matching(fields: Fields, name: str, pattern: re.Pattern[str], meaning: str) -> str:
    """Return a text of a form. Raises ValueError otherwise."""
    value = typed(fields, name, str)
    if not pattern.fullmatch(value):
        raise ValueError(f"field {name} is not {meaning}: {value!r:.100}")
    return value


def kind_of(fields: Fields) -> str:
    """Return the name of a family of models, known or not. Raises ValueError for what can be none."""
    return matching(fields, "kind", _KIND, "the name of a family")


def member_of(fields: Fields) -> str:
    """Return the `name@version` of a member. Raises ValueError for any other text."""
    model = typed(fields, "model", str)
    try:
        parse_version(model)
    except InvalidInput:
        raise ValueError(f"member {model!r:.80} is not a name@version") from None
    return model


def sha256_of(fields: Fields) -> str:
    """Return a hash. Raises ValueError."""
    return matching(fields, "sha256", _SHA256, "64 lower-case hexadecimal digits")


def created_of(fields: Fields) -> str:
    """Return when a model was made. Raises ValueError unless it is ISO 8601, from 1970 on."""
    text = typed(fields, "created", str)
    try:
        seconds = to_timestamp(text)
    except (ValueError, OverflowError):
        raise ValueError(f"field created is not a time of ISO 8601: {text!r:.100}") from None
    if seconds < 0:
        raise ValueError(f"field created lies before 1970: {text!r:.100}")
    return text


def to_timestamp(text: str) -> int:
    """Return the seconds since 1970 of a time of ISO 8601, which is UTC unless it says otherwise.

    >>> to_timestamp("2026-01-01T00:00:00+00:00")
    1767225600
    """
    time = datetime.fromisoformat(text)
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())


def file_name(name: str) -> str:
    """Return the name of a checkpoint's file. Raises ValueError for one that leads elsewhere."""
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(f"field files names no file of a checkpoint: {name!r:.100}")
    return name


def texts(fields: Fields, name: str) -> dict[str, str]:
    """Return an object of texts. Raises ValueError otherwise."""
    values = typed(fields, name, dict)
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError(f"field {name} does not hold texts alone")
    return values
