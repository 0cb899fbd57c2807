"""AdmissionMiddleware: admits or refuses a request before its body is read; ends it at its deadline.

Plain ASGI, so that streams pass through untouched. Health and metrics are always answered. A reader that takes nothing
of its answer for too long is cut off.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
import types
from collections.abc import Callable, Generator
from contextlib import nullcontext
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.exceptions import Overloaded, RequestTimeout, ServerStopping
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.engine.capacity import WorkQueue
from app.http.declared_errors import raises
from app.http.error_responses import SlowReader, record_error, to_api_error
from app.http.request_body import get_header, is_streamed
from app.middleware.in_flight import InFlightRequests
from models.errors import InvalidInput, NextwordError

TIMEOUT_HEADER = b"x-request-timeout-ms"
"""Header by which a client says how long its request may take."""
ALWAYS_ADMITTED = ("/health/", "/metrics")
"""Beginnings of paths that are answered however much is under way."""
MODELS_PATH = "/v1/models/"
MODEL_PREFIX = "/m/"
"""Beginning of the paths under which a model, whose name follows, has the routes that clients expect at the root."""
EMBEDDINGS_PATH = "/v1/embeddings"
COMPLETIONS_PATH = "/v1/completions"
"""Paths of work for a model that is named in the body."""
READ_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])
"""Methods that change nothing."""
LONG_READS = re.compile(r".*/(events|content|export)|/v1/models/[^/]+/files/[^/]+")
"""Paths of which reading may take long: such requests are counted with those that give work."""
FindQueue = Callable[[str], WorkQueue | None]
"""Finds the queue in which work of a model, by name, waits; None where it need not wait, or no model has that name."""


@raises(InvalidInput, Overloaded, RequestTimeout, ServerStopping, except_under=ALWAYS_ADMITTED)
class AdmissionMiddleware:
    """Middleware that refuses requests without room (429) or at a stop (503), and ends late ones (504)."""

    def __init__(
        self, app: ASGIApp, settings: Settings, in_flight: InFlightRequests, metrics: Metrics, find_queue: FindQueue
    ) -> None:
        self.app = app
        self._settings = settings
        self._in_flight = in_flight
        self._metrics = metrics
        self._find_queue = find_queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].startswith(ALWAYS_ADMITTED):
            await self.app(scope, receive, send)
            return
        guarded_send = _GuardedSend(send, self._settings.reader_seconds)
        started = time.perf_counter()
        try:
            await self._serve(scope, receive, guarded_send)
        except NextwordError as error:
            record_error(scope, error)
            if guarded_send.started:
                raise ClientDisconnect from error  # too late for another answer
            await to_api_error(error).response()(scope, receive, send)
        except Exception as error:
            scope["state"]["outcome"] = to_api_error(error).code
            raise
        finally:
            outcome = scope["state"].get("outcome", "ok")
            self._metrics.count_request(route_label(scope), outcome, time.perf_counter() - started)

    async def _serve(self, scope: Scope, receive: Receive, send: _GuardedSend) -> None:
        model = model_in_path(scope)
        seconds, announced = self._time_limit(scope, model), self._announced_bytes(scope)
        deadline = self._in_flight.admit(seconds, announced, is_short_read(scope))
        try:  # a context manager would take a microsecond, of some fifteen that all middleware takes
            self._check_queue(model)
            scope["state"]["deadline"] = deadline
            serving = self.app(scope, receive, send).__await__()
            try:
                pending = next(serving)
            except StopIteration:  # short work, done at once: no timeout is needed, see `_finish_started`
                return
            async with nullcontext() if deadline.is_enforced else deadline.enforce():
                await _finish_started(serving, pending)
        finally:
            self._in_flight.release(deadline)

    def _check_queue(self, model: str) -> None:
        """Raise Overloaded where there is no room for even the smallest request to a model, if any."""
        if model and (queue := self._find_queue(model)):
            queue.check_room()

    def _time_limit(self, scope: Scope, model: str) -> float:
        """Return how many seconds the request, to a model if any, may take. Raises InvalidInput."""
        value = next((value for key, value in scope["headers"] if key == TIMEOUT_HEADER), None)
        if value is None:
            return self._settings.request_seconds if model or is_model_work(scope) else math.inf
        longest = int(1e3 * self._settings.max_request_seconds)
        if not (value.isdigit() and len(value) < 20 and 1 <= int(value) <= longest):
            raise InvalidInput(TIMEOUT_HEADER.decode(), f"must be a whole number of milliseconds from 1 to {longest}")
        return int(value) / 1e3

    def _announced_bytes(self, scope: Scope) -> int:
        """Return how many bytes of the body are announced and will be held in memory, if they come."""
        length = get_header(scope, b"content-length")
        if not length.isdecimal() or is_streamed(scope):
            return 0
        return min(int(length), self._settings.max_json_bytes)


class _GuardedSend:
    """A `send` that raises SlowReader when the client reads nothing for `seconds`."""

    def __init__(self, send: Send, seconds: float) -> None:
        self.started = False
        self._send = send
        self._seconds = seconds

    async def __call__(self, message: Message) -> None:
        """Send one part of the answer. Raises SlowReader."""
        self.started = True
        sending = self._send(message).__await__()
        try:
            pending = next(sending)
        except StopIteration:  # buffers had room, as they mostly have: no timeout is needed
            return
        timeout = asyncio.timeout(self._seconds)
        try:
            async with timeout:
                await _finish_started(sending, pending)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise SlowReader(f"nothing of the answer was read for {self._seconds:g} seconds") from error


@types.coroutine
def _finish_started(started: Generator[Any, Any, None], pending: Any) -> Generator[Any, Any, None]:
    """Drive a coroutine to its end that has been started by hand and now waits for `pending`.

    Starting it by hand shows whether it has to wait at all; most short requests and most sends have not, and need no
    timeout. Three timeouts would take 19 us of a request to `next`, which takes some 250 us in all.
    """
    while True:
        resume: Callable[[Any], Any] = started.send
        try:
            value = yield pending
        except BaseException as error:  # such as a cancellation, which belongs to the coroutine
            resume, value = started.throw, error
        try:
            pending = resume(value)
        except StopIteration:
            return


def is_short_read(scope: Scope) -> bool:
    """Return whether a request reads what there is, and soon ends."""
    return scope["method"] in READ_METHODS and not LONG_READS.fullmatch(scope["path"])


def model_in_path(scope: Scope) -> str:
    """Return the name of the model that a request gives work to; empty where it does not."""
    path = str(scope["path"])
    if scope["method"] == "POST":
        for prefix in (MODELS_PATH, MODEL_PREFIX):
            if path.startswith(prefix):
                return path[len(prefix) :].partition("/")[0]
    return ""


def is_model_work(scope: Scope) -> bool:
    """Return whether a request gives work to a model."""
    return bool(model_in_path(scope)) or (
        scope["method"] == "POST" and scope["path"] in (EMBEDDINGS_PATH, COMPLETIONS_PATH)
    )


def route_label(scope: Scope) -> str:
    """Return the route's name as a label of metrics, which must be one of few words."""
    name = str(scope["path"]).rpartition("/")[2]
    return name if name in Metrics.MODEL_ROUTES and is_model_work(scope) else "other"
