"""When an API key expires, as people write it: after some days or hours, or on a date."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

import click

_SECONDS = {"h": 3600.0, "d": 24 * 3600.0}
_SPAN = re.compile(r"(0*[1-9]\d{0,5})([hd])")


class Expiry(click.ParamType[float]):
    """Parameter type of a moment to come, in seconds since 1970."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read `90d`, `12h` or a date."""
        seconds = parse_expiry(str(value), time.time())
        if seconds is None:
            self.fail(f"{value!r} is not a moment to come, as 90d, 12h or 2030-12-31", param, ctx)
        return seconds


def parse_expiry(text: str, now: float) -> float | None:
    """Return the moment in seconds since 1970; None for what is none, or is over.

    >>> parse_expiry("2d", 1000.0), parse_expiry("1970-01-03", 1000.0), parse_expiry("1970-01-01", 1000.0)
    (173800.0, 172800.0, None)
    """
    if span := _SPAN.fullmatch(text):
        return now + int(span[1]) * _SECONDS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return seconds if seconds > now else None


def show_time(seconds: float | None) -> str:
    """Format seconds since 1970 as a date and time of UTC; nothing where there is none.

    >>> show_time(172800.0)
    '1970-01-03 00:00'
    """
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
