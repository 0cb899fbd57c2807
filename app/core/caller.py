"""Caller: whose request this is, for logs and for the count of tokens, wherever its work is done.

A context variable, since lines of the log and counts of the engine come from far below the middleware that knows.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Protocol

from app.core.api_keys import ApiKey


class Caller(Protocol):
    """The API key of a request, and how its tokens are counted."""

    key: ApiKey

    def use_tokens(self, count: int) -> None:
        """Count tokens that were read or written."""


CALLER: ContextVar[Caller | None] = ContextVar("nextword_caller", default=None)
"""The caller of the request that is served in this context; None where no key was asked for."""


def count_caller_tokens(count: int) -> None:
    """Count tokens of the request that is served in this context."""
    caller = CALLER.get()
    if caller is not None:
        caller.use_tokens(count)


def add_caller(record: logging.LogRecord) -> bool:
    """Give a log record the attribute `caller`: the name of the request's key after a blank, or nothing."""
    caller = CALLER.get()
    record.caller = f" key={caller.key.name}" if caller is not None else ""
    return True
