"""The line of the log that each request has at its end: `RequestLog`.

It says which request (id, name of the API key, method, pattern of the path, model) became what (status, outcome,
tokens, seconds). Of texts it holds nothing, unless the setting `log_prompts` asks for the beginning of bodies.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from app.core.logs.line_handler import LineHandler
from app.core.request_facts import RequestFacts

logger = logging.getLogger("app.request")
EVENT = "request"
MAX_PATH = 200
"""Characters of a path that no route has, in the log."""
MAX_BODY_BYTES = 2000
"""Bytes of a body that the log shows where it shows any."""


class RequestLog:
    """Writer of the lines of requests.

    To the handler that `log_to_stderr` has set up, without a record; where it has not been called, to the standard
    library's logger `app.request`, which a program that embeds the service can listen to.
    """

    def __init__(self, shows_bodies: bool = False) -> None:
        """`shows_bodies`: whether lines of requests to models hold the beginning of the body."""
        self.shows_bodies = shows_bodies
        handlers = logging.getLogger().handlers
        self._handler = next((handler for handler in handlers if isinstance(handler, LineHandler)), None)

    def write(self, facts: RequestFacts, *, is_quiet: bool = False, **fields: Any) -> None:
        """Write the line of a request that has ended; one that `is_quiet`, at the level debug alone."""
        level = logging.DEBUG if is_quiet else logging.INFO
        if not logger.isEnabledFor(level):
            return
        fields = {
            "id": facts.id,
            "key": facts.key_name,
            **fields,
            "model": facts.model or None,
            "tokens_in": facts.tokens_in,
            "tokens_out": facts.tokens_out,
            "seconds": round(perf_counter() - facts.started_at, 6),
        }
        if self._handler is None:
            logger.log(level, EVENT, extra=fields)
        else:
            self._handler.write_fields(level, EVENT, fields)
