"""The door of the service: lets a request in or refuses it before its body is read, and sees it out in time.

Plain ASGI, around everything but the routes that tell how the service is. It knows headers, time limits and what is
counted; it knows no models, only which line of work one stands in.
"""

from __future__ import annotations

import asyncio
import math
import time
import types
from collections.abc import Callable, Generator
from contextlib import nullcontext
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.metrics import Metrics
from app.core.settings import Settings
from app.engine.capacity import WorkQueue
from app.http.error_responses import SlowReader, record_error, to_api_error
from app.http.request_body import STREAMED_TYPES, get_header, strip_parameters
from app.middleware.in_flight import InFlightRequests
from models.errors import InvalidInput, NextwordError

TIMEOUT_HEADER = b"x-request-timeout-ms"
"""The header by which a client says how long its request may take."""
ALWAYS_ADMITTED = ("/health/", "/metrics")
"""Always answered."""
MODELS_PATH = "/v1/models/"
FindQueue = Callable[[str], WorkQueue | None]
"""The line that work of a model, by name, has to wait in; None where it need not, or there is no such model."""


class AdmissionMiddleware:
    """Refuses what is too much with 429, or 503 while the server stops; ends with 504 what takes too long."""

    def __init__(
        self, app: ASGIApp, settings: Settings, reception: InFlightRequests, metrics: Metrics, line: FindQueue
    ) -> None:
        self.app = app
        self._settings = settings
        self._in_flight = reception
        self._metrics = metrics
        self._find_queue = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].startswith(ALWAYS_ADMITTED):
            await self.app(scope, receive, send)
            return
        answer = _GuardedSend(send, self._settings.reader_seconds)
        began = time.perf_counter()
        try:
            await self._serve(scope, receive, answer)
        except NextwordError as error:
            record_error(scope, error)
            if answer.started:
                raise ClientDisconnect from error  # nobody could tell it any more
            await to_api_error(error).response()(scope, receive, send)
        except Exception as error:
            scope["state"]["outcome"] = to_api_error(error).code
            raise
        finally:
            outcome = scope["state"].get("outcome", "ok")
            self._metrics.count_request(route_label(scope), outcome, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, answer: _GuardedSend) -> None:
        with self._in_flight.admit(self._time_limit(scope), self._buffered_bytes(scope)) as ticket:
            self._check_queue(scope)
            scope["state"]["ticket"] = ticket
            serving = self.app(scope, receive, answer).__await__()
            try:
                waiting = next(serving)
            except StopIteration:  # short work, done on the spot: a timeout would take a good part as long
                return
            async with nullcontext() if ticket.is_enforced else ticket.enforce():
                await _rest(serving, waiting)

    def _check_queue(self, scope: Scope) -> None:
        """Raises Overloaded where there is no room for even the smallest request."""
        if (model := model_in_path(scope)) and (line := self._find_queue(model)):
            line.check_room()

    def _time_limit(self, scope: Scope) -> float:
        """How long it may take. Raises InvalidInput."""
        given = next((value for key, value in scope["headers"] if key == TIMEOUT_HEADER), None)
        if given is None:
            return self._settings.request_seconds if model_in_path(scope) else math.inf
        most = int(1e3 * self._settings.max_request_seconds)
        if not (given.isdigit() and len(given) < 20 and 1 <= int(given) <= most):
            raise InvalidInput(TIMEOUT_HEADER.decode(), f"must be a whole number of milliseconds from 1 to {most}")
        return int(given) / 1e3

    def _buffered_bytes(self, scope: Scope) -> int:
        """How much of the body may be kept: all of it, unless it is of a kind that is read in slices."""
        if strip_parameters(get_header(scope, b"content-type")) in STREAMED_TYPES:
            return 0
        most, length = self._settings.max_json_bytes, get_header(scope, b"content-length")
        if length.isdecimal():
            return min(int(length), most)
        return most if get_header(scope, b"transfer-encoding") else 0


class _GuardedSend:
    """Sends an answer, and tells a reader that is slow from one that does not read at all."""

    def __init__(self, send: Send, seconds: float) -> None:
        self.started = False
        self._send = send
        self._seconds = seconds

    async def __call__(self, message: Message) -> None:
        """Send a part. Raises SlowReader where there is no room for it, and none is made in time."""
        self.started = True
        sending = self._send(message).__await__()
        try:
            waiting = next(sending)
        except StopIteration:  # there was room, as there is for most answers: a timeout would cost more than sending
            return
        timeout = asyncio.timeout(self._seconds)
        try:
            async with timeout:
                await _rest(sending, waiting)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise SlowReader(f"nothing of the answer was read for {self._seconds:g} seconds") from error


@types.coroutine
def _rest(begun: Generator[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    """The rest of what was begun and waits for something."""
    while True:
        go_on: Callable[[Any], Any] = begun.send
        try:
            given = yield waiting
        except BaseException as error:  # such as being cancelled: what was begun has to know
            go_on, given = begun.throw, error
        try:
            waiting = go_on(given)
        except StopIteration:
            return


def model_in_path(scope: Scope) -> str:
    """The model that is asked to work; empty where none is."""
    path = str(scope["path"])
    return (
        path[len(MODELS_PATH) :].partition("/")[0] if scope["method"] == "POST" and path.startswith(MODELS_PATH) else ""
    )


def route_label(scope: Scope) -> str:
    """What is asked for, in one of few words: it becomes a label."""
    name = str(scope["path"]).rpartition("/")[2]
    return name if name in Metrics.MODEL_ROUTES and model_in_path(scope) else "other"
