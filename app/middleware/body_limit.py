"""BodyLimitMiddleware: a limit on the bytes of a body, counted as they come."""

from __future__ import annotations

from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.settings import Settings
from app.http.request_body import FILES_PATH, get_header, is_streamed
from app.middleware.in_flight import InFlightRequests

MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""Bytes that the form around a file may take."""


class _Kind(NamedTuple):
    """Limit and reading of the bodies of one kind."""

    limit: int
    """Most bytes."""
    is_held: bool
    """Whether they are held in memory until the request ends."""
    is_awaited: bool
    """Whether whoever receives them does so for a route that waits; others say themselves when theirs waits."""


class BodyLimitMiddleware:
    """Middleware that refuses bodies beyond the limit of their kind (413), or of memory (429).

    It notes of each request what has come and whether its route waits for more (`ArrivingBody`).
    """

    def __init__(self, app: ASGIApp, settings: Settings, in_flight: InFlightRequests) -> None:
        self.app = app
        self._in_flight = in_flight
        self._file = _Kind(settings.max_file_bytes + MULTIPART_OVERHEAD_BYTES, is_held=False, is_awaited=True)
        self._streamed = _Kind(settings.max_upload_bytes, is_held=False, is_awaited=False)
        self._other = _Kind(settings.max_json_bytes, is_held=True, is_awaited=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or "deadline" not in scope["state"]:
            await self.app(scope, receive, send)
            return
        limit, is_held, is_awaited = self._kind(scope)
        body, in_flight = scope["state"]["deadline"].body, self._in_flight
        body.is_paced = is_awaited
        announced = get_header(scope, b"content-length")
        seen = int(announced) if announced.isdecimal() and int(announced) > limit else 0

        async def receive_limited() -> Message:
            nonlocal seen, is_awaited
            if seen <= limit:
                body.awaited = is_awaited
                message = await receive()
                body.awaited = False
                is_awaited = is_awaited and message.get("more_body", False)
                size = len(message.get("body", b""))
                seen += size
                body.received = seen
            if seen > limit:
                raise HTTPException(413, f"the body has more than the {limit} bytes allowed")
            if is_held and size:
                in_flight.hold(body, size)
            return message

        await self.app(scope, receive_limited, send)

    def _kind(self, scope: Scope) -> _Kind:
        if scope["path"] == FILES_PATH:
            return self._file
        return self._streamed if is_streamed(scope) else self._other
