"""InFlightRequests and RequestDeadline: how many requests there may be, and when each must end.

Requests and the bytes of their bodies are counted before a body is read. A server that stops shortens all deadlines.
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
    """The time at which one request must have ended, and why."""

    def __init__(self, seconds: float = math.inf) -> None:
        """Set the deadline so many seconds from now."""
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._reason: NextwordError = RequestTimeout(f"it was not done within the {seconds:g} seconds that it may take")
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def enforce(self) -> AsyncIterator[None]:
        """Raise RequestTimeout in the block at the deadline, or the reason given to `shorten`.

        Of nested blocks only the innermost counts from then on: a stream that has begun to answer ends itself.
        """
        if self._timeout is not None:
            if self._timeout.expired():  # it is about to end the block around this one, perhaps in another task
                raise self._reason
            self._timeout.reschedule(None)
        timeout = asyncio.timeout_at(self._deadline if self._deadline < math.inf else None)
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
        """Whether a block of `enforce` is under way."""
        return self._timeout is not None

    def shorten(self, seconds: float, reason: NextwordError) -> None:
        """Move the deadline to at most so many seconds from now; `reason` is raised then."""
        deadline = asyncio.get_running_loop().time() + seconds
        if deadline < self._deadline:
            self._deadline, self._reason = deadline, reason
            if self._timeout is not None:
                self._timeout.reschedule(deadline)


class InFlightRequests:
    """The requests under way and their number and size; used in the event loop's thread only."""

    def __init__(self, settings: Settings) -> None:
        self.stopping = False
        """Whether no request is admitted any more."""
        self.buffered_bytes = 0
        """Bytes of bodies that the requests under way hold in memory, at most."""
        self._settings = settings
        self._deadlines: set[RequestDeadline] = set()

    def __len__(self) -> int:
        """Number of requests under way."""
        return len(self._deadlines)

    @contextmanager
    def admit(self, seconds: float, body: int) -> Iterator[RequestDeadline]:
        """Count a request while the block lasts, which may take so long and hold so many bytes of its body.

        Raises ServerStopping or Overloaded.
        """
        self._check(body)
        deadline = RequestDeadline(seconds)
        self._deadlines.add(deadline)
        self.buffered_bytes += body
        try:
            yield deadline
        finally:
            self._deadlines.discard(deadline)
            self.buffered_bytes -= body

    def _check(self, body: int) -> None:
        if self.stopping:
            raise ServerStopping("the server is going down and takes nothing new", self._settings.stop_seconds)
        if len(self._deadlines) >= self._settings.max_requests:
            raise Overloaded(f"{len(self._deadlines)} requests are under way, and no more are taken on")
        if self.buffered_bytes and self.buffered_bytes + body > self._settings.max_pending_bytes:
            raise Overloaded(f"the requests under way hold {self.buffered_bytes} bytes; {body} more are too many now")

    def stop(self) -> None:
        """Admit no more, and end the requests under way within the time that the settings give them."""
        self.stopping = True
        seconds = self._settings.stop_seconds
        reason = ServerStopping("the server is going down, and had no time to finish this", seconds)
        for deadline in self._deadlines:
            deadline.shorten(seconds, reason)
