"""Headers of what a client accepts and has: media types, gzip and entity tags (RFC 9110)."""

from __future__ import annotations

from collections.abc import Sequence


def strip_parameters(content_type: str) -> str:
    """Return a `Content-Type` in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def choose_media_type(accept: str, offered: Sequence[str]) -> str:
    """Return the type among `offered` that a header `accept` prefers; the first where it names none.

    >>> choose_media_type("text/tab-separated-values, application/json;q=0.5", ["application/json", "text/plain"])
    'application/json'
    """
    weights = {strip_parameters(part): _weight(part) for part in accept.lower().split(",")}
    kinds = [max((weights[name] for name in _names(kind) if name in weights), default=0.0) for kind in offered]
    return offered[kinds.index(max(kinds))]


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether a client takes gzip: `gzip`, or else `*`, has a weight above 0 (RFC 9110, 12.5.3).

    >>> accepts_gzip("gzip, br"), accepts_gzip("gzip;q=0, *"), accepts_gzip("")
    (True, False, False)
    """
    weights = {strip_parameters(part): _weight(part) for part in accept_encoding.lower().split(",")}
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def matches_tag(tag: str, if_none_match: str) -> bool:
    """Tell whether a header `if-none-match` names a tag, weak or not, or is `*` (RFC 9110, 13.1.2).

    >>> matches_tag('W/"a1"', '"b2", "a1"')
    True
    """
    held = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return held == ["*"] or tag.removeprefix("W/") in held


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
