"""Answers that are sent while they come about.

They own what they need while they are sent (a place in the engine, a temporary file) and give it back at the end,
whichever way it comes. What goes wrong after the status was sent is told in the last words. They know ASGI; they do
not know what they send.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.core.exceptions import RequestAbandoned
from app.http.error_responses import record_error, to_api_error

ErrorFormatter = Callable[[dict[str, Any]], bytes]
"""Writes an error's content in the form of the stream."""

ERROR_SEND_SECONDS = 1.0
"""How long a reader gets to take the last words."""


class ManagedStream(StreamingResponse):
    """Stops when the client hangs up."""

    def __init__(
        self,
        content: AsyncGenerator[bytes, None],
        media_type: str,
        held: AsyncExitStack,
        *,
        format_error: ErrorFormatter,
    ) -> None:
        """`held` is closed when the stream ends; until it is sent the caller answers for it."""
        # Proxies must pass each piece on as it comes.
        super().__init__(content, 200, {"cache-control": "no-cache", "x-accel-buffering": "no"}, media_type)
        self._resources = held
        self._resources.push_async_callback(content.aclose)
        self._format_error = format_error
        self._completed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all."""
        self._scope = scope
        async with self._resources:
            await self._send(scope, receive, send)
        if not self._completed:
            record_error(scope, RequestAbandoned("the client hung up"))

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the head, each piece as it comes, and the end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with self._scope["state"]["ticket"].enforce():
                async for piece in self.body_iterator:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientDisconnect:
            raise
        except Exception as error:
            await self._resources.aclose()  # its place is free, whether or not it reads this
            await self._send_error(send, error)
        self._completed = True

    async def _send_error(self, send: Send, error: Exception) -> None:
        record_error(self._scope, error)
        body = self._format_error(to_api_error(error).content())
        with suppress(TimeoutError):
            async with asyncio.timeout(ERROR_SEND_SECONDS):
                await send({"type": "http.response.body", "body": body, "more_body": False})


class BidirectionalStream(ManagedStream):
    """Is sent while the body is still received: the content reads it, and so it is the one who sees a hang-up."""

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await self.stream_response(send)
