"""Handler of the log of a process: `LineHandler` writes a line for each record.

Records of the standard library's loggers, ours and those of libraries, come with their `extra` fields. The line of a
request, of which there are thousands a second, comes as fields alone, without a record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

from app.core.request_facts import REQUEST

Render = Callable[[dict[str, Any]], bytes]
_NO_EXTRA = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
"""Attributes of every record, and what uvicorn repeats in colours."""
_FORMATTER = logging.Formatter()


class LineHandler(logging.Handler):
    """Handler that writes lines to a binary stream; a full disk, or a lost reader, costs lines alone."""

    def __init__(self, render: Render, stream: BinaryIO) -> None:
        """Write to `stream` what `render` makes of the fields of a record."""
        super().__init__()
        self._render = render
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        try:
            self._write(self._render(_fields_of(record)))
        except Exception:  # as of a message that does not go with its arguments
            self.handleError(record)

    def write_fields(self, level: int, event: str, fields: Mapping[str, Any]) -> None:
        """Write a line of fields that come without a record, whatever the level of the log."""
        name = logging.getLevelName(level).lower()
        self._write(self._render({**fields, "event": event, "level": name, "timestamp": _timestamp()}))

    def _write(self, line: bytes) -> None:
        try:  # in one call, so that the lines of two threads do not mix
            self._stream.write(line + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a record, with the request under way and its key."""
    fields: dict[str, Any] = {
        "event": record.getMessage(),
        "timestamp": _timestamp(),
        "level": record.levelname.lower(),
        "logger": record.name,
    }
    fields |= {name: value for name, value in vars(record).items() if name not in _NO_EXTRA}
    facts = REQUEST.get()
    if facts is not None:
        fields |= {"request": facts.id} if facts.key_name is None else {"request": facts.id, "key": facts.key_name}
    if record.exc_info and record.exc_info[0]:
        fields["exception"] = _FORMATTER.formatException(record.exc_info)
    return fields


def _timestamp() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
