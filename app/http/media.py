"""Kinds of bodies: which there are, and what a request says its own is.

It knows media types; how a body of a kind is read, the routes know.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

JSON = "application/json"
TEXT = "text/plain"
RECORDS = "application/x-ndjson"
UPLOADS = frozenset([TEXT, RECORDS])
"""Read in slices, so they may be larger than JSON."""


def media_type(headers: Headers) -> str:
    """The media type of a body in lower case, without parameters; empty where none is given."""
    return bare(headers.get("content-type", ""))


def bare(content_type: str) -> str:
    """A `Content-Type` in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def header(scope: Scope, name: bytes) -> str:
    """A header of a request, the first of that name (in lower case); empty where there is none."""
    # Starlette's `Headers` takes several times as long, which counts where every request is asked for some.
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def unsupported(headers: Headers, *accepted: str) -> HTTPException:
    """The error for a body of another kind."""
    found = media_type(headers) or "none"
    return HTTPException(415, f"the body's Content-Type must be {' or '.join(accepted)}; it is {found}")
