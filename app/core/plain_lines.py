"""Plain lines: no control character of others reaches a log or a terminal, whoever writes it.

Names of files, fields of cards and texts of requests can hold anything. A carriage return or newline would forge a line
of the log, an escape sequence would rewrite a terminal, and an override of direction would show a name as another.
`escape_controls` is applied to every line of the log (`logs.formats`); `protect_streams` stands between a process and
its terminal.
"""

from __future__ import annotations

import re
import sys
from typing import Any, TextIO, cast

_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
CONTROL = re.compile(f"[{_CONTROLS}]")
"""A character that may not reach a line: C0, C1, line separators, and overrides of direction."""
_STRAY_CONTROL = re.compile(f"(?![\n\t]|\\A\r)[{_CONTROLS}]")
"""Controls but newline, tab, and the carriage return at the beginning with which a progress bar is drawn again."""


def escape_controls(text: str) -> str:
    r"""Return `text` on one line: control characters as Python writes them.

    >>> print(escape_controls("model\r\n\x1b[2J"))
    model\r\n\x1b[2J
    """
    return text if text.isprintable() else CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class PlainStream:
    """Text stream that writes control characters as Python writes them, but newlines and tabs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        return self._stream.write(text if text.isprintable() else _STRAY_CONTROL.sub(_escape, text))

    def __getattr__(self, name: str) -> Any:
        """Return what the stream itself has."""
        return getattr(self._stream, name)


def protect_streams() -> None:
    """Write no controls to standard error, nor to a terminal; what goes to a file or a pipe stays."""
    sys.stderr = cast("TextIO", PlainStream(sys.stderr))
    if sys.stdout.isatty():
        sys.stdout = cast("TextIO", PlainStream(sys.stdout))
