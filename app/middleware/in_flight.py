"""A request under way: until when it may be, and what becomes of it when that moment comes.

It knows time and cancellation; it does not know what the request is for.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.http.error_responses import TimedOut
from models.errors import NextwordError


class Ticket:
    """Made when the request comes in."""

    def __init__(self, seconds: float = math.inf) -> None:
        """It may take so long, from now on."""
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._reason: NextwordError = TimedOut(f"it was not done within the {seconds:g} seconds that it may take")
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
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
    def limited(self) -> bool:
        """Whether a block of `limit` is under way."""
        return self._timeout is not None

    def cut(self, seconds: float, reason: NextwordError) -> None:
        """Let it go on for so many seconds at the most; `reason` is why."""
        deadline = asyncio.get_running_loop().time() + seconds
        if deadline < self._deadline:
            self._deadline, self._reason = deadline, reason
            if self._timeout is not None:
                self._timeout.reschedule(deadline)

    def _when(self) -> float | None:
        return self._deadline if self._deadline < math.inf else None
