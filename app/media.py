"""Kinds of bodies: which there are, and what a request says its own is.

It knows media types; how a body of a kind is read, the routes know.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

JSON = "application/json"
TEXT = "text/plain"
RECORDS = "application/x-ndjson"
UPLOADS = frozenset([TEXT, RECORDS])
"""Read in slices, so they may be larger than JSON."""


def media_type(headers: Headers) -> str:
    """The media type of a body in lower case, without parameters; empty where none is given."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def unsupported(headers: Headers, *accepted: str) -> HTTPException:
    """The error for a body of another kind."""
    found = media_type(headers) or "none"
    return HTTPException(415, f"the body's Content-Type must be {' or '.join(accepted)}; it is {found}")
