"""InFlightRequests and RequestDeadline: how many requests there may be, and when each must end.

Requests are counted before a body is read, and bytes of bodies as they come. A server that stops shortens all
deadlines; a body that stands still shortens that of its request.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice

from app.core.exceptions import Overloaded, RequestTimeout, ServerStopping
from app.core.settings import Settings
from app.http.arriving_body import ArrivingBody
from models.errors import NextwordError

LOOK_SECONDS = 0.25
"""Longest time between two looks at the bodies that are awaited."""
ENDED_PER_LOOK = 64
"""Most requests that are ended at a look: thousands at once would keep the event loop busy for seconds."""
COUNT_SECONDS = 0.05
"""Time for which a count of awaited bodies is good, as each looks at all requests."""


class RequestDeadline:
    """The time at which one request must have ended, and why."""

    def __init__(self, seconds: float = math.inf, is_read: bool = False) -> None:
        """Set the deadline so many seconds from now."""
        self.is_read = is_read
        self.body = ArrivingBody()
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._seconds = seconds
        self._shortened_by: NextwordError | None = None
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
    def _reason(self) -> NextwordError:
        timed_out = f"it was not done within the {self._seconds:g} seconds that it may take"
        return self._shortened_by or RequestTimeout(timed_out)

    @property
    def is_enforced(self) -> bool:
        """Whether a block of `enforce` is under way."""
        return self._timeout is not None

    def forget_reason(self) -> None:
        """Forget why it was shortened: the reason, once raised, refers to all that the request had in hand."""
        self._shortened_by = None

    def shorten(self, seconds: float, reason: NextwordError) -> None:
        """Move the deadline to at most so many seconds from now; `reason` is raised then."""
        deadline = asyncio.get_running_loop().time() + seconds
        if deadline < self._deadline:
            self._deadline, self._shortened_by = deadline, reason
            if self._timeout is not None:
                self._timeout.reschedule(deadline)


class InFlightRequests:
    """The requests under way and their number and size; used in the event loop's thread only."""

    def __init__(self, settings: Settings) -> None:
        self.draining = False
        """Whether the server is about to stop: it still admits requests, and says that it is not ready."""
        self.stopping = False
        """Whether no request is admitted any more."""
        self.buffered_bytes = 0
        """Bytes of bodies that the requests under way hold in memory."""
        self._settings = settings
        self._deadlines: set[RequestDeadline] = set()
        self._reads = 0
        """How many of them only read what there is."""
        self._awaited = 0
        """How many of them waited for their body when they were last counted."""
        self._counted_at = -math.inf
        self._looked_at = math.inf
        """Time of the event loop at the last look."""

    def __len__(self) -> int:
        """Number of requests under way."""
        return len(self._deadlines)

    def admit(self, seconds: float, body: int, is_read: bool = False) -> RequestDeadline:
        """Count a request until it is released; it may take `seconds`, and announces `body` bytes to be held.

        Those that only read what there is (`is_read`) are counted apart, so that others leave room for them. Raises
        ServerStopping or Overloaded.
        """
        self._check(body, is_read)
        deadline = RequestDeadline(seconds, is_read)
        self._deadlines.add(deadline)
        self._reads += is_read
        return deadline

    def release(self, deadline: RequestDeadline) -> None:
        """Count a request no more."""
        self._reads -= deadline.is_read
        self._deadlines.discard(deadline)
        self.buffered_bytes -= deadline.body.buffered
        deadline.forget_reason()

    def hold(self, body: ArrivingBody, size: int) -> None:
        """Count bytes of a body that have come and are held until its request ends. Raises Overloaded."""
        self._check_bytes(size)
        body.buffered += size
        self.buffered_bytes += size

    @property
    def look_seconds(self) -> float:
        """Time between two calls of `end_stalled`."""
        return min(LOOK_SECONDS, self._settings.body_idle_seconds / 4)

    def end_stalled(self) -> None:
        """End the requests whose body stands still; to be called again and again."""
        now = asyncio.get_running_loop().time()
        seconds, self._looked_at = max(0.0, now - self._looked_at), now
        reasons = [(deadline, deadline.body.look(seconds, self._settings)) for deadline in self._deadlines]
        stalled = ((deadline, reason) for deadline, reason in reasons if reason is not None)
        for deadline, reason in islice(stalled, ENDED_PER_LOOK):
            deadline.shorten(0.0, reason)

    def _check(self, body: int, is_read: bool) -> None:
        if self.stopping:
            raise ServerStopping("the server is going down and takes nothing new", self._settings.stop_seconds)
        under_way = self._reads if is_read else len(self._deadlines) - self._reads
        if under_way >= self._settings.max_requests:
            under_way -= 0 if is_read else self._awaited_bodies()
            if under_way >= self._settings.max_requests:
                raise Overloaded(f"{under_way} requests are under way, and no more are taken on")
        self._check_bytes(body)

    def _awaited_bodies(self) -> int:
        """Return how many requests wait for their client: they have a connection, and take no place of others."""
        now = asyncio.get_running_loop().time()
        if now >= self._counted_at + COUNT_SECONDS:
            self._counted_at, self._awaited = now, sum(deadline.body.awaited for deadline in self._deadlines)
        return self._awaited

    def _check_bytes(self, size: int) -> None:
        if self.buffered_bytes and self.buffered_bytes + size > self._settings.max_pending_bytes:
            raise Overloaded(f"the requests under way hold {self.buffered_bytes} bytes; {size} more are too many now")

    def stop(self) -> None:
        """Admit no more, and end the requests under way within the time that the settings give them."""
        self.draining = self.stopping = True
        seconds = self._settings.stop_seconds
        reason = ServerStopping("the server is going down, and had no time to finish this", seconds)
        for deadline in self._deadlines:
            deadline.shorten(seconds, reason)
