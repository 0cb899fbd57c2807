"""Answers that are sent while they come about.

They own what they need while they are sent (a place in the engine, a temporary file) and give it back at the end,
whichever way it comes. They know ASGI; they do not know what they send.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Stream(StreamingResponse):
    """Stops when the client hangs up."""

    def __init__(self, content: AsyncGenerator[bytes, None], media_type: str, held: AsyncExitStack) -> None:
        """`held` is closed when the stream ends; until it is sent the caller answers for it."""
        # Proxies must pass each piece on as it comes.
        super().__init__(content, 200, {"cache-control": "no-cache", "x-accel-buffering": "no"}, media_type)
        self._held = held
        self._held.push_async_callback(content.aclose)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all."""
        async with self._held:
            await self._send(scope, receive, send)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


class Duplex(Stream):
    """Is sent while the body is still received: the content reads it, and so it is the one who sees a hang-up."""

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await self.stream_response(send)
