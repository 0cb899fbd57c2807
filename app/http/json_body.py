"""JSON bodies with an item that parsers give up on: `repair_json` keeps it from costing the others.

`content_hint` says what bytes look like that are no JSON at all.

A list item that is nested a thousand deep, or a number of five thousand digits, is no text and no number that any field
accepts; but parsers refuse the whole body for it, and with it every other item.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from models.data.text_encoding import guess_utf_16
from models.utils.compression import compression_of

MAX_DEPTH = 100
"""Depth of nesting beyond which null stands in the place of what is there; no field accepts so much."""
MAX_DIGITS = 1000
"""Digits beyond which a whole number becomes 1e999, which is infinite, and so refused by every field."""
_TOKEN = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]|(?<![\d.eE+])(?<![eE]-)\d{%d,}(?![\d.eE])' % (MAX_DIGITS + 1), re.DOTALL
)
"""A string, a bracket, or a whole number of very many digits."""
Body = TypeVar("Body", bound=BaseModel)


def repair_json(content: bytes) -> bytes:
    """Return JSON without what is nested too deep or has too many digits.

    >>> repair_json(b'["a", ' + b"[" * 3000 + b"]" * 3000 + b"]").replace(b"[" * 99, b"").replace(b"]" * 99, b"")
    b'["a", null]'
    """
    parts: list[bytes] = []
    depth = begin = 0
    for match in _TOKEN.finditer(content):
        kind = content[match.start()]
        if kind in b"[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                parts += [content[begin : match.start()], b"null"]
        elif kind in b"]}":
            depth -= 1
            if depth == MAX_DEPTH:
                begin = match.end()
        elif kind != ord('"') and depth <= MAX_DEPTH:
            parts += [content[begin : match.start()], b"1e999"]
            begin = match.end()
    rest = content[begin:] if depth <= MAX_DEPTH else b""
    return b"".join([*parts, rest]) if parts else content


def content_hint(content: object) -> str:
    """Return the end of a message about bytes that are no JSON: what else they look like, if anything.

    >>> content_hint(b'{"text": "caf\\xe9"}'), content_hint(b'{"text": "cafe}')
    ('; it looks like Latin-1', '')
    """
    if not isinstance(content, bytes):
        return ""
    if compression := compression_of(content):
        return f"; it looks like {compression} data: decompress it first"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or guess_utf_16(content):
        return "; it looks like UTF-16"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return "; it looks like Latin-1" if content[: error.start].isascii() else ""
    return ""


def validate_json(kind: type[Body], content: bytes) -> Body:
    """Validate a body; a second parser reads what the first, faster one refuses. Raises ValidationError."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] != "json_invalid":
            raise
        try:
            data = json.loads(repair_json(content))
        except (ValueError, RecursionError):
            raise error from None
    return kind.model_validate(data)
