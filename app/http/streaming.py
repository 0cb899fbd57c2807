"""Streamed answers: ManagedStream, and BidirectionalStream, sent while the body still comes in.

A stream owns the resources that its content needs (a place in the engine, a temporary file) and releases them at its
end, whichever way that comes. An error after the status was sent is told in the last piece of the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

from fastapi.responses import StreamingResponse
from orjson import dumps
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.core.exceptions import RequestAbandoned
from app.http.error_responses import record_error, to_api_error

ErrorFormatter = Callable[[dict[str, Any]], bytes]
"""Writes the content of an error as the last piece of a stream."""
SSE_KEEP_ALIVE = b": keep-alive\n\n"
"""A server-sent comment, which readers skip."""
SSE_DONE = b"data: [DONE]\n\n"
"""The last server-sent event of a generation, as OpenAI's API has it."""
ERROR_SEND_SECONDS = 1.0
"""How long a client that reads nothing holds up the end of a stream that failed."""


class ManagedStream(StreamingResponse):
    """A streamed answer that stops when the client hangs up."""

    def __init__(
        self,
        content: AsyncGenerator[bytes, None],
        media_type: str,
        resources: AsyncExitStack,
        *,
        format_error: ErrorFormatter,
    ) -> None:
        """`resources` are closed when the stream ends; until it is sent, closing them is up to the caller."""
        # The headers have proxies pass each piece on as it comes.
        super().__init__(content, 200, {"cache-control": "no-cache", "x-accel-buffering": "no"}, media_type)
        self._resources = resources
        self._resources.push_async_callback(content.aclose)
        self._format_error = format_error
        self._completed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole answer."""
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
            async with self._scope["state"]["deadline"].enforce():
                async for piece in self.body_iterator:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientDisconnect:
            raise
        except Exception as error:
            await self._resources.aclose()  # first, since the client may not read what follows
            await self._send_error(send, error)
        self._completed = True

    async def _send_error(self, send: Send, error: Exception) -> None:
        record_error(self._scope, error)
        body = self._format_error(to_api_error(error).content())
        with suppress(TimeoutError):
            async with asyncio.timeout(ERROR_SEND_SECONDS):
                await send({"type": "http.response.body", "body": body, "more_body": False})


class BidirectionalStream(ManagedStream):
    """A streamed answer whose content reads the request's body, and so notices a client that hangs up."""

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await self.stream_response(send)


def sse_event(data: Mapping[str, Any], *, event: str | None = None, number: int | None = None) -> bytes:
    """Encode a server-sent event; `number` is its id, after which a reader can resume."""
    head = f"id: {number}\n" if number is not None else ""
    if event is not None:
        head += f"event: {event}\n"
    return head.encode() + b"data: " + dumps(data) + b"\n\n"
