"""A request under way: until when it may be, and what becomes of it when that moment comes.

It knows time and cancellation; it does not know what the request is for.

Who is in: the requests under way, how many there may be, and how all of them are sent away.

It counts requests and the bytes of their bodies before any of them is read, and gives each a ticket. It knows no
models and no ASGI.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.core.exceptions import Overloaded, RequestTimeout, ServerStopping
from app.core.settings import Settings
from models.errors import NextwordError


class RequestDeadline:
    """Made when the request comes in."""

    def __init__(self, seconds: float = math.inf) -> None:
        """It may take so long, from now on."""
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._reason: NextwordError = RequestTimeout(f"it was not done within the {seconds:g} seconds that it may take")
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def enforce(self) -> AsyncIterator[None]:
        """Raises TimedOut, or what `cut` says, in the block when its time is up.

        Of nested blocks the innermost counts, and no other from then on: one that has begun to answer ends the answer
        itself.
        """
        if self._timeout is not None:
            if self._timeout.expired():  # and is about to end the block around this one, which may be another task's
                raise self._reason
            self._timeout.reschedule(None)
        timeout = asyncio.timeout_at(self._when())
        try:
            async with timeout:
                self._timeout = timeout
                yield
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise self._reason from error
        finally:
            self._timeout = None

    @property
    def is_enforced(self) -> bool:
        """Whether a block of `limit` is under way."""
        return self._timeout is not None

    def shorten(self, seconds: float, reason: NextwordError) -> None:
        """Let it go on for so many seconds at the most; `reason` is why."""
        deadline = asyncio.get_running_loop().time() + seconds
        if deadline < self._deadline:
            self._deadline, self._reason = deadline, reason
            if self._timeout is not None:
                self._timeout.reschedule(deadline)

    def _when(self) -> float | None:
        return self._deadline if self._deadline < math.inf else None


class InFlightRequests:
    """Used in the event loop's thread only."""

    def __init__(self, settings: Settings) -> None:
        self.stopping = False
        """Whether nobody is let in any more."""
        self.buffered_bytes = 0
        self._settings = settings
        self._deadlines: set[RequestDeadline] = set()

    def __len__(self) -> int:
        """How many requests are under way."""
        return len(self._deadlines)

    @contextmanager
    def admit(self, seconds: float, body: int) -> Iterator[RequestDeadline]:
        """A request that may take so long, and keeps so many bytes of its body. Raises Stopping or Overloaded."""
        self._check(body)
        ticket = RequestDeadline(seconds)
        self._deadlines.add(ticket)
        self.buffered_bytes += body
        try:
            yield ticket
        finally:
            self._deadlines.discard(ticket)
            self.buffered_bytes -= body

    def _check(self, body: int) -> None:
        if self.stopping:
            raise ServerStopping("the server is going down and takes nothing new", self._settings.stop_seconds)
        if len(self._deadlines) >= self._settings.max_requests:
            raise Overloaded(f"{len(self._deadlines)} requests are under way, and no more are taken on")
        if self.buffered_bytes and self.buffered_bytes + body > self._settings.max_pending_bytes:
            raise Overloaded(f"the requests under way hold {self.buffered_bytes} bytes; {body} more are too many now")

    def stop(self) -> None:
        """Let nobody in, and have those who are in done within the time that the settings give them."""
        self.stopping = True
        seconds = self._settings.stop_seconds
        for ticket in self._deadlines:
            ticket.shorten(seconds, ServerStopping("the server is going down, and had no time to finish this", seconds))
