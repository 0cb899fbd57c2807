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

from app.core.exceptions import Abandoned
from app.http.error_responses import failure, report

Words = Callable[[dict[str, Any]], bytes]
"""Writes an error's content in the form of the stream."""

FAREWELL_SECONDS = 1.0
"""How long a reader gets to take the last words."""


class Stream(StreamingResponse):
    """Stops when the client hangs up."""

    def __init__(
        self, content: AsyncGenerator[bytes, None], media_type: str, held: AsyncExitStack, *, last_words: Words
    ) -> None:
        """`held` is closed when the stream ends; until it is sent the caller answers for it."""
        # Proxies must pass each piece on as it comes.
        super().__init__(content, 200, {"cache-control": "no-cache", "x-accel-buffering": "no"}, media_type)
        self._held = held
        self._held.push_async_callback(content.aclose)
        self._last_words = last_words
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all."""
        self._scope = scope
        async with self._held:
            await self._send(scope, receive, send)
        if not self._told:
            report(scope, Abandoned("the client hung up"))

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the head, each piece as it comes, and the end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with self._scope["state"]["ticket"].limit():
                async for piece in self.body_iterator:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientDisconnect:
            raise
        except Exception as error:
            await self._held.aclose()  # its place is free, whether or not it reads this
            await self._take_leave(send, error)
        self._told = True

    async def _take_leave(self, send: Send, error: Exception) -> None:
        report(self._scope, error)
        body = self._last_words(failure(error).content())
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await send({"type": "http.response.body", "body": body, "more_body": False})


class Duplex(Stream):
    """Is sent while the body is still received: the content reads it, and so it is the one who sees a hang-up."""

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await self.stream_response(send)
