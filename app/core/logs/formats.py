"""Formats of a line of the log: `render_text` for people, `render_json` for programs.

Both take the fields of one record and write no control character of theirs (`plain_lines`): a value cannot begin a
line, nor pass for another field.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from app.core.plain_lines import CONTROL, escape_controls

FIRST = ("timestamp", "level", "logger", "event")
"""Fields that a line of text shows without their names, in this order."""
_BARE = re.compile(r"[^\s\"'=\\]+")
"""Texts that need no quotes as the value of a field."""


def render_json(fields: dict[str, Any]) -> bytes:
    r"""Write a record as one line of JSON, without the newline.

    >>> render_json({"event": "a\nb\x9b", "tokens": 3})
    b'{"event":"a\\nb\\u009b","tokens":3}'
    """
    try:
        line = orjson.dumps(fields, default=str)
    except TypeError:  # half a surrogate pair, or a key that is no text
        line = json.dumps(fields, default=str).encode()
    if line.isascii() and b"\x7f" not in line:
        return line  # JSON escapes the rest: this is the way of nearly all lines
    return CONTROL.sub(_escape_json, line.decode()).encode()


def _escape_json(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def render_text(fields: dict[str, Any]) -> bytes:
    r"""Write a record as one line of text, without the newline; a traceback follows it, indented.

    >>> print(render_text({"level": "info", "event": "serving", "path": "a b\r\n", "tokens": 3}).decode())
    INFO    serving path="a b\r\n" tokens=3
    """
    rest = dict(fields)
    traceback = rest.pop("exception", None)
    known = {name: str(rest.pop(name)) for name in FIRST if name in rest}
    if "level" in known:
        known["level"] = f"{known['level'].upper():7}"
    if "=" in known.get("event", ""):  # what a client named may look like a field
        known["event"] = json.dumps(known["event"], ensure_ascii=False)
    named = [f"{name}={_value(value)}" for name, value in rest.items() if value is not None]
    lines = [escape_controls(" ".join([*known.values(), *named]))]
    if traceback:
        lines += [f"  {escape_controls(line)}" for line in str(traceback).split("\n")]
    return "\n".join(lines).encode(errors="backslashreplace")


def _value(value: object) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
