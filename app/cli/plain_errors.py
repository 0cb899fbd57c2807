"""Errors of the command line in plain words: `describe` says of any of them what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Callable

import click

_RANGE = re.compile(r"(?:(?P<low>[^<]+)(?P<above><=?))?x(?:(?P<below>[<>]=?)(?P<high>.+))?")
_VALUES: tuple[tuple[str, Callable[[str], str]], ...] = (
    (r"(.+) is not a valid integer(?: range)?\.", lambda _: "a whole number"),
    (r"(.+) is not a valid float(?: range)?\.", lambda _: "a number"),
    (r"(.+) is not a valid boolean\..*", lambda _: "true or false"),
    (r"(.+) is not one of (.+)\.", lambda choices: f"one of {choices}"),
    (r"(.+) is not in the range (.+)\.", lambda accepted: _range_words(accepted)),
)
"""What click says of a value, and what is accepted in its place."""


def describe(error: Exception) -> str:
    """Return the message of an error, without words of Python's or the system's numbers."""
    if isinstance(error, click.BadParameter) and (option := error.param_hint or _name(error.param)):
        return f"{option}: {_describe_value(error.message)}"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, ModuleNotFoundError):
        return f"this needs {error.name}, which is not installed here"
    return str(error) or "not enough memory"


def _name(parameter: click.Parameter | None) -> str:
    """Return how a user writes a parameter: its longest option, or the name of an argument."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return "" if parameter is None else parameter.human_readable_name


def _describe_value(message: str) -> str:
    """Return what is accepted, as "must be ... , not ...", where click says that a value is no such thing.

    >>> _describe_value("0 is not in the range 1<=x<=5.")
    'must be 1 to 5, not 0'
    """
    for pattern, accepted in _VALUES:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            return f"must be {accepted(match[match.lastindex or 0])}, not {match[1]}"
    return message


def _range_words(accepted: str) -> str:
    """Return a range in words.

    >>> [_range_words(text) for text in ("x>=1", "0<x<1", "0<=x<1", "x<=9")]
    ['1 or more', 'above 0 and below 1', '0 or more and below 1', '9 or less']
    """
    match = _RANGE.fullmatch(accepted)
    if not match:
        return accepted
    low, above, below, high = match.group("low", "above", "below", "high")
    if above == below == "<=":
        return f"{low} to {high}"
    words = {"<": "above {}", "<=": "{} or more"}[above].format(low) if above else ""
    words += " and " if above and below else ""
    ends = {"<": "below {}", "<=": "{} or less", ">": "above {}", ">=": "{} or more"}
    return words + (ends[below].format(high) if below else "")
