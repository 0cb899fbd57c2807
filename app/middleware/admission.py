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
from app.engine.capacity import Line
from app.http.error_responses import SlowReader, failure, report
from app.http.request_body import UPLOADS, bare, header
from app.middleware.in_flight import Reception
from models.errors import InvalidInput, NextwordError

TIMEOUT = b"x-request-timeout-ms"
"""The header by which a client says how long its request may take."""
OPEN = ("/health/", "/metrics")
"""Always answered."""
MODELS = "/v1/models/"
FindLine = Callable[[str], Line | None]
"""The line that work of a model, by name, has to wait in; None where it need not, or there is no such model."""


class Gate:
    """Refuses what is too much with 429, or 503 while the server stops; ends with 504 what takes too long."""

    def __init__(
        self, app: ASGIApp, settings: Settings, reception: Reception, metrics: Metrics, line: FindLine
    ) -> None:
        self.app = app
        self._settings = settings
        self._reception = reception
        self._metrics = metrics
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, self._settings.reader_seconds)
        began = time.perf_counter()
        try:
            await self._serve(scope, receive, answer)
        except NextwordError as error:
            report(scope, error)
            if answer.begun:
                raise ClientDisconnect from error  # nobody could tell it any more
            await failure(error).response()(scope, receive, send)
        except Exception as error:
            scope["state"]["outcome"] = failure(error).code
            raise
        finally:
            outcome = scope["state"].get("outcome", "ok")
            self._metrics.done(route_of(scope), outcome, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        with self._reception.enter(self._seconds(scope), self._bytes(scope)) as ticket:
            self._check_line(scope)
            scope["state"]["ticket"] = ticket
            serving = self.app(scope, receive, answer).__await__()
            try:
                waiting = next(serving)
            except StopIteration:  # short work, done on the spot: a timeout would take a good part as long
                return
            async with nullcontext() if ticket.limited else ticket.limit():
                await _rest(serving, waiting)

    def _check_line(self, scope: Scope) -> None:
        """Raises Overloaded where there is no room for even the smallest request."""
        if (model := model_of(scope)) and (line := self._line(model)):
            line.check()

    def _seconds(self, scope: Scope) -> float:
        """How long it may take. Raises InvalidInput."""
        given = next((value for key, value in scope["headers"] if key == TIMEOUT), None)
        if given is None:
            return self._settings.request_seconds if model_of(scope) else math.inf
        most = int(1e3 * self._settings.max_request_seconds)
        if not (given.isdigit() and len(given) < 20 and 1 <= int(given) <= most):
            raise InvalidInput(TIMEOUT.decode(), f"must be a whole number of milliseconds from 1 to {most}")
        return int(given) / 1e3

    def _bytes(self, scope: Scope) -> int:
        """How much of the body may be kept: all of it, unless it is of a kind that is read in slices."""
        if bare(header(scope, b"content-type")) in UPLOADS:
            return 0
        most, length = self._settings.max_json_bytes, header(scope, b"content-length")
        if length.isdecimal():
            return min(int(length), most)
        return most if header(scope, b"transfer-encoding") else 0


class _Answer:
    """Sends an answer, and tells a reader that is slow from one that does not read at all."""

    def __init__(self, send: Send, seconds: float) -> None:
        self.begun = False
        self._send = send
        self._seconds = seconds

    async def __call__(self, message: Message) -> None:
        """Send a part. Raises SlowReader where there is no room for it, and none is made in time."""
        self.begun = True
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


def model_of(scope: Scope) -> str:
    """The model that is asked to work; empty where none is."""
    path = str(scope["path"])
    return path[len(MODELS) :].partition("/")[0] if scope["method"] == "POST" and path.startswith(MODELS) else ""


def route_of(scope: Scope) -> str:
    """What is asked for, in one of few words: it becomes a label."""
    name = str(scope["path"]).rpartition("/")[2]
    return name if name in Metrics.ROUTES and model_of(scope) else "other"
