"""Set-up of the log of a process: `log_to_stderr`."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from app.core.logs.formats import render_json, render_text
from app.core.logs.line_handler import LineHandler, Render

logger = logging.getLogger(__name__)


def log_to_stderr(log_level: str, log_format: str) -> None:
    """Log to standard error in this process, as the settings of these names say."""
    level, render = logging.getLevelNamesMapping()[log_level.upper()], _choose_format(log_format)
    logging.basicConfig(level=level, handlers=[LineHandler(render, sys.stderr.buffer)], force=True)
    # Alembic tells of each of its plug-ins at every start, around the banner that users look for.
    logging.getLogger("alembic").setLevel(max(logging.WARNING, level))
    logging.captureWarnings(True)
    sys.excepthook = _log_exception
    threading.excepthook = _log_thread_exception


def _choose_format(log_format: str) -> Render:
    """Return the format of a name; `auto` is text for people at a terminal, JSON for all else."""
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    return render_text if is_text else render_json


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
