"""Description of a parser that meets bytes from outside: `Parser`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import NextwordError


@dataclass(frozen=True)
class Parser:
    """A parser of bytes that come from outside, with valid samples to begin with."""

    name: str
    """What is parsed."""
    code: str
    """Module that parses it."""
    sender: str
    """Where the bytes come from."""
    form: str
    """How samples are mutated: `json`, `lines`, `tensors`, `archive` or `bytes`."""
    samples: Callable[[Path], Sequence[bytes]]
    """Makes valid inputs; it may use an empty folder."""
    read: Callable[[Path], object]
    """Reads the file at a path as the product would, and uses what comes of it. Raises InvalidResult."""
    file_name: str = "input"
    """Name of the file that holds the bytes; some parsers go by its ending."""
    refusals: tuple[type[Exception], ...] = (NextwordError,)
    """Exceptions that are clean errors."""


class InvalidResult(AssertionError):
    """A result of a parser that is none, such as a probability above one."""


def given(samples: Sequence[bytes]) -> Callable[[Path], Sequence[bytes]]:
    """Samples that need not be made."""
    return lambda _: samples


def require(is_sound: object, message: str) -> None:
    """Raise InvalidResult with the message unless the condition holds."""
    if not is_sound:
        raise InvalidResult(message)
