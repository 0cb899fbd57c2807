"""Choice of an answer's media type by what the client accepts (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from app.http.request_body import strip_parameters


def choose_media_type(accept: str, offered: Sequence[str]) -> str:
    """Return the type among `offered` that a header `accept` prefers; the first where it names none.

    >>> choose_media_type("text/tab-separated-values, application/json;q=0.5", ["application/json", "text/plain"])
    'application/json'
    """
    weights = {strip_parameters(part): _weight(part) for part in accept.lower().split(",")}
    kinds = [max((weights[name] for name in _names(kind) if name in weights), default=0.0) for kind in offered]
    return offered[kinds.index(max(kinds))]


def _names(kind: str) -> tuple[str, str, str]:
    """Return a media type and the ranges that hold it."""
    return kind, kind.partition("/")[0] + "/*", "*/*"


def _weight(part: str) -> float:
    """Return the weight `q` of one part of a header: 1 where none is written, 0 where it is no number."""
    _, found, weight = part.replace(" ", "").partition(";q=")
    try:
        return float(weight.partition(";")[0]) if found else 1.0
    except ValueError:
        return 0.0
