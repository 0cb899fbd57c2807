"""Names of encodings of text, Python's, as configurations check them."""

from __future__ import annotations

import codecs
from typing import Final

from models.errors import InvalidInput

UTF_8: Final = "utf-8"
_NOT_FOR_FILES = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
"""Encodings of Python in which no text is stored."""


def check_encoding(name: str, field: str = "encoding") -> str:
    """Return the name of an encoding of text. Raises InvalidInput where there is none of that name.

    >>> check_encoding("latin-1")
    'latin-1'
    """
    try:
        "a".encode(name)
        is_known = codecs.lookup(name).name not in _NOT_FOR_FILES
    except (LookupError, ValueError):
        is_known = False
    if not is_known:
        raise InvalidInput(field, f"must be an encoding of text, as utf-8, latin-1, cp1252, utf-16-le, not {name!r}")
    return name
