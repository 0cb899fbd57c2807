"""Plain words for what pydantic, JSON parsers and the system find wrong with input.

`explain` says of one of pydantic's errors what would be accepted, `explain_json` why a text is not JSON, `locate` which
field an error is about. Every message continues "field: ", names no Python type, and is the same over HTTP, on the
command line and in recipes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

MESSAGES: dict[str, str] = {
    "missing": "required",
    "extra_forbidden": "no such field",
    "invalid_key": "keys must be strings",
    "none_required": "must be null",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "too_short": "must hold at least {min_length}, not {actual_length}",
    "too_long": "must hold at most {max_length}",
    "string_type": "must be a string",
    "string_unicode": "must be a string in Unicode",
    "string_too_short": "must be a string of {min_length} or more characters",
    "string_too_long": "must be a string of at most {max_length} characters",
    "string_pattern_mismatch": "must be a string of the form {pattern}",
    "string_not_ascii": "must be a string of ASCII characters",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bytes_type": "must be a string",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "iterable_type": "must be a list",
    "dict_type": "must be an object of named fields",
    "mapping_type": "must be an object of named fields",
    "model_type": "must be an object of named fields",
    "model_attributes_type": "must be an object of named fields",
    "dataclass_type": "must be an object of named fields",
    "recursion_depth_exceeded": "is nested too deep",
    "recursion_loop": "is nested too deep",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "required",
    "url_type": "must be a URL",
    "url_parsing": "must be a URL",
}
"""Kind of error -> what is accepted, with the numbers of the error's own context."""
OTHERWISE = "is not of a kind that is accepted here"
"""Of the kinds of error that no schema of ours can lead to."""
JSON_FAULTS: Sequence[tuple[str, str]] = (
    ("eof", "it ends too early"),
    ("unterminated", "a string has no end"),
    ("recursion", "it is nested too deep"),
    ("surrogate", "it holds half a surrogate pair"),
    ("hex escape", "it holds an escape that is no character"),
    ("unicode", "it is not in UTF-8"),
    ("decode byte", "it is not in UTF-8"),
    ("digits", "it holds a number of too many digits"),
    ("out of range", "it holds a number of too many digits"),
    ("number", "it holds what is no JSON number"),
    ("control character", "a control character in a string must be escaped"),
    ("escape", "a backslash in a string escapes nothing"),
    ("trailing comma", "a comma is followed by nothing"),
    ("trailing", "something follows its end"),
    ("extra data", "something follows its end"),
)
"""Part of what a parser says, in small letters -> what is wrong."""
_POSITION = re.compile(r"line (\d+) column (\d+)")
_BRANCH = re.compile(r"[\[\](]|^(str|int|float|bool|list|dict|tuple|constrained-\w+|lax-or-strict|is-instance)$")
"""A name that pydantic gives to one of several types that a field may have: no field's name."""


def explain(error: Mapping[str, Any]) -> str:
    """Return what is accepted in place of what pydantic found, one of `ValidationError.errors()`."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if context.get("max_length") == 0:
        return "must be left out"
    if kind not in MESSAGES:
        return str(error["msg"]) if is_ours(kind) else OTHERWISE
    return MESSAGES[kind].format_map({name: _show(value) for name, value in context.items()})


def is_ours(kind: str) -> bool:
    """Return whether a kind of error is one that our own validators raise, whose message is plain already."""
    return kind in ("not_accepted", "half_character")


def locate(place: Sequence[int | str]) -> str:
    """Return the dotted name of a field from pydantic's place of an error, without the names of types.

    >>> locate(("items", 3, "function-wrap[validate()]", "score"))
    'items.3.score'
    """
    return ".".join(str(part) for part in place if isinstance(part, int) or not _BRANCH.search(part))


def explain_json(message: str) -> str:
    """Return why a text is not JSON, and where, from what a parser says of it.

    >>> explain_json("trailing characters at line 1 column 3")
    'something follows its end (line 1, column 3)'
    """
    plain = next((plain for part, plain in JSON_FAULTS if part in message.lower()), "it is written wrong")
    position = _POSITION.search(message)
    return f"{plain} (line {position[1]}, column {position[2]})" if position else plain


def in_unicode(text: str) -> str:
    r"""Return a text in which half a surrogate pair, which UTF-8 lacks, is written as an escape.

    >>> in_unicode("caf\u00e9 \ud800")
    'caf\xe9 \\ud800'
    """
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def without_folders(message: str, folders: Iterable[Path]) -> str:
    """Return a message that names files of these folders without saying where the folders are.

    >>> without_folders("/srv/models/a/1/card.json: altered", [Path("/srv/models")])
    'a/1/card.json: altered'
    """
    prefixes = (
        [f"{path}/" for folder in folders for path in (folder.absolute(), folder.resolve())] if "/" in message else []
    )
    for prefix in prefixes:
        message = message.replace(prefix, "")
    return message


def _show(value: object) -> object:
    """Return a number without a fraction that says nothing."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
