"""Set-up of the log of a process: `log_to_stderr`.

Two ways lead to the one format. Records of the standard library's loggers, ours and those of libraries, go through
structlog's formatter; the line of a request, of which there are thousands a second, goes to the stream at once, through
structlog's filtering logger.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any, BinaryIO, cast

import structlog
from structlog.processors import TimeStamper, add_log_level, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_logger_name

from app.core.logs.formats import render_json, render_text
from app.core.process_tuning import skip_unused_log_fields
from app.core.request_facts import REQUEST

Fields = MutableMapping[str, Any]
Render = Callable[[dict[str, Any]], bytes]
logger = logging.getLogger(__name__)


def log_to_stderr(log_level: str, log_format: str) -> None:
    """Log to standard error in this process, as the settings of these names say."""
    skip_unused_log_fields()
    level, render = logging.getLevelNamesMapping()[log_level.upper()], _choose_format(log_format)
    handler = logging.StreamHandler()
    handler.setFormatter(line_formatter(render))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Alembic tells of each of its plug-ins at every start, around the banner that users look for.
    logging.getLogger("alembic").setLevel(max(logging.WARNING, level))
    logging.captureWarnings(True)
    sys.excepthook = _log_exception
    threading.excepthook = _log_thread_exception
    structlog.configure(
        processors=[add_log_level, TimeStamper("iso"), lambda _logger, _method, fields: render(dict(fields))],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", LogStream(sys.stderr.buffer))),
        cache_logger_on_first_use=True,
    )


def line_formatter(render: Render) -> logging.Formatter:
    """Return the formatter of records of the standard library, with their `extra` fields."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            TimeStamper("iso"),
            add_log_level,
            add_logger_name,
            ExtraAdder(),
            _add_request,
            format_exc_info,
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            lambda _logger, _method, fields: render(dict(fields)).decode(),
        ],
    )


def _choose_format(log_format: str) -> Render:
    """Return the format of a name; `auto` is text for people at a terminal, JSON for all else."""
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    return render_text if is_text else render_json


def _add_request(_logger: object, _method: str, fields: Fields) -> Fields:
    """Add the id of the request under way, and the name of its key; drop what uvicorn repeats in colours."""
    fields.pop("color_message", None)
    facts = REQUEST.get()
    if facts is not None:
        fields["request"] = facts.id
        if (name := facts.key_name) is not None:
            fields["key"] = name
    return fields


class LogStream:
    """Binary stream without errors: a full disk, or a reader that is gone, costs lines and no request."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        """Write a line."""
        try:  # noqa: SIM105 - a context manager would take half a microsecond, of some nine that a line takes
            self._stream.write(line)
        except (OSError, ValueError):
            pass

    def flush(self) -> None:
        """Pass on what was written."""
        try:  # noqa: SIM105 - as above
            self._stream.flush()
        except (OSError, ValueError):
            pass


def _log_exception(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Log an exception that ends the process; an interrupt is none."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, at)
    else:
        logger.critical("ended by an unexpected error", exc_info=(kind, error, at))


def _log_thread_exception(args: threading.ExceptHookArgs) -> None:
    """Log an exception that ends a thread."""
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread else "a thread"
        logger.critical("%s ended by an unexpected error", name, exc_info=args.exc_value)
