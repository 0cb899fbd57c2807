"""RequestIdMiddleware: an id and a log line for every request; answers to unhandled exceptions.

Plain ASGI, so that streams pass through untouched; the line of one is written at its end.
"""

from __future__ import annotations

import random
import re

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.logs.request_line import MAX_BODY_BYTES, MAX_PATH, RequestLog
from app.core.request_facts import MAX_NAME, REQUEST, RequestFacts
from app.core.traces.tracing import Tracing
from app.http.error_responses import record_error, to_api_error
from app.http.request_body import get_header
from app.middleware.admission import ALWAYS_ADMITTED, is_model_work
from app.middleware.request_trace import end_trace, route_pattern

VALID_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CLIENT_GONE = "client_gone"


class RequestIdMiddleware:
    """Middleware that answers with an id of the request: the client's `x-request-id` where it is valid.

    An exception that nobody handled is logged with the id and answered with status 500, without details.
    """

    def __init__(self, app: ASGIApp, log: RequestLog | None = None, tracing: Tracing | None = None) -> None:
        """Write lines to `log`, and trace requests by `tracing`."""
        self.app = app
        self._log = log or RequestLog()
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _LoggedRequest(choose_request_id(scope), send)
        scope.setdefault("state", {})["request_id"] = request.facts.id
        if self._log.shows_bodies and is_model_work(scope):
            receive = request.note_body(receive)
        if self._tracing is not None and not scope["path"].startswith(ALWAYS_ADMITTED):
            headers = get_header(scope, b"traceparent"), get_header(scope, b"tracestate")
            request.facts.trace = self._tracing.begin_request(*headers)
        token = REQUEST.set(request.facts)
        try:
            await self._serve(request, scope, receive)
        finally:
            REQUEST.reset(token)
            self._write_line(request, scope)
            if request.facts.trace is not None:
                end_trace(request.facts, scope, request.status)

    async def _serve(self, request: _LoggedRequest, scope: Scope, receive: Receive) -> None:
        try:
            await self.app(scope, receive, request.send_with_id)
        except ClientDisconnect:
            scope["state"].setdefault("outcome", CLIENT_GONE)
        except Exception as error:
            record_error(scope, error)
            if request.status is not None:
                raise
            await to_api_error(error).response()(scope, receive, request.send_with_id)

    def _write_line(self, request: _LoggedRequest, scope: Scope) -> None:
        client, path = scope.get("client"), scope["path"]
        request.facts.route = request.facts.route or route_pattern(scope)
        if not request.facts.model:
            request.facts.model = str(scope.get("path_params", {}).get("model", ""))[:MAX_NAME]
        more = {} if request.body is None else {"body": bytes(request.body).decode(errors="replace")}
        if request.facts.trace is not None:
            more["trace"] = request.facts.trace.id
        self._log.write(
            request.facts,
            is_quiet=request.status == 200 and path.startswith(ALWAYS_ADMITTED),
            method=scope["method"],
            path=request.facts.route or path[:MAX_PATH],
            status=request.status,
            outcome=scope["state"].get("outcome", "ok"),
            client=client[0] if client else None,
            **more,
        )


class _LoggedRequest:
    """A request under way: its facts, and what its line tells beside them."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.facts = RequestFacts(request_id)
        self.status: int | None = None
        """Of the answer; None until it begins, and where the client hung up before."""
        self.body: bytearray | None = None
        """Beginning of the body, where it is to be logged."""
        self._header = (b"x-request-id", request_id.encode())
        self._send = send

    async def send_with_id(self, message: Message) -> None:
        """Send a part of the answer, its head with the id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), self._header]
        await self._send(message)

    def note_body(self, receive: Receive) -> Receive:
        """Return a `receive` that keeps the beginning of the body for the log."""
        body = self.body = bytearray()

        async def receive_and_note() -> Message:
            message = await receive()
            body.extend(message.get("body", b"")[: max(0, MAX_BODY_BYTES - len(body))])
            return message

        return receive_and_note


def choose_request_id(scope: Scope) -> str:
    """Return the client's own id where it is valid, else a new one."""
    client_id = get_header(scope, b"x-request-id")
    return client_id if client_id and VALID_ID.fullmatch(client_id) else f"{random.getrandbits(128):032x}"
