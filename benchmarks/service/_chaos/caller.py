"""Caller: sends requests; judges answers by the OpenAPI document and by what was disturbed."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from benchmarks.service._chaos.ledger import Ledger
from tests.app.openapi.error_check import find_in_document, listed_codes

TIMEOUT_SECONDS = 60.0
EXCUSES: dict[str, frozenset[str] | None] = {
    "overloaded": None,
    "timed_out": None,
    "model_loading": frozenset(["process", "disk"]),
    "model_unusable": frozenset(["disk"]),
    "stopping": frozenset(["process"]),
    "database_unavailable": frozenset(["database", "process", "disk"]),
    "disk_full": frozenset(["disk"]),
}
"""Codes of errors that a good request may be answered with, and the disturbances that cause them; None: load alone."""


class Caller:
    """HTTP client of one thread, which enters every answer in the ledger."""

    def __init__(self, url: str, document: dict[str, Any], ledger: Ledger) -> None:
        self.ledger = ledger
        self._document = document
        # Kept connections may be closed just as they are used again; whoever sends a request then has to repeat it.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, limits=limits)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def call(self, method: str, url: str, *others: int, excuses: tuple[str, ...] = (), **options: Any) -> Any:
        """Return an answer that succeeded or has a status of `others`; None for a failure with a cause.

        `excuses` are further codes that are right at this moment. Whatever else comes back is a broken promise.
        """
        since = time.monotonic()
        try:
            answer = self._client.request(method, url, **options)
        except httpx.TransportError as error:
            self._note_lost(method, url, since, error)
            return None
        if answer.is_success or answer.status_code in others:
            self.ledger.answer("answered")
            return answer
        self._note_error(answer, since, excuses)
        return None

    def insist(self, method: str, url: str, *others: int, **options: Any) -> httpx.Response:
        """Repeat a request until it is answered."""
        while (answer := self.call(method, url, *others, **options)) is None:
            time.sleep(0.2)
        return answer  # type: ignore[no-any-return]

    def note_stream_error(self, error: dict[str, Any], since: float) -> None:
        """Judge an error that came as the last event of a stream."""
        self._judge(error["code"], f"stream: {error}", since, ())

    def _note_lost(self, method: str, url: str, since: float, error: httpx.TransportError) -> None:
        self.ledger.answer("connection lost")
        cause = self.ledger.is_disturbed(["process"], since)
        self.ledger.check("connections break by kills alone", cause, f"{method} {url}: {error!r}")

    def _note_error(self, answer: httpx.Response, since: float, excuses: tuple[str, ...]) -> None:
        request, status = answer.request, answer.status_code
        told = f"{request.method} {request.url.path}: {status} {answer.text[:500]}"
        operation = find_in_document(self._document, request.method, request.url.path)
        try:
            code = json.loads(answer.content)["error"]["code"]
        except (ValueError, KeyError, TypeError):
            self.ledger.breach("every error is a declared one", told)
            return
        declared = operation is not None and code in listed_codes(operation, status)
        self.ledger.check("every error is a declared one", declared, told)
        self._judge(code, told, since, excuses)

    def _judge(self, code: str, told: str, since: float, excuses: tuple[str, ...]) -> None:
        self.ledger.answer(code)
        causes = EXCUSES.get(code, frozenset())
        cause = code in excuses or causes is None or self.ledger.is_disturbed(causes, since)
        self.ledger.check("every error has its cause", cause, told)
