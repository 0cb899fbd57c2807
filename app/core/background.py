"""Background work of a process: `BackgroundTasks` repeats it and tells what fails.

Watchers, sweepers and heartbeats run beside the requests, where nobody waits for their result. Whatever one of them
raises is logged, counted, shown by readiness, and tried again after a pause that grows.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from models.errors import NextwordError

logger = logging.getLogger(__name__)
FIRST_RETRY_SECONDS = 0.25
"""Pause after a first failure; it doubles with every further one."""
MAX_RETRY_SECONDS = 5.0
"""Longest pause before the next try of what fails; how late the end of an outage is noticed."""


@dataclass(frozen=True)
class Failure:
    """Newest failure of a task that has not succeeded since."""

    message: str
    """What happened, in words for anyone: no paths, no values."""
    times: int
    """How often it failed one after the other."""


class BackgroundTasks:
    """Tasks of this process that repeat, by name, and which of them fail.

    >>> tasks = BackgroundTasks()
    >>> tasks.attempt("sweep", lambda: None, seconds=60)
    60
    >>> tasks.failing
    {}
    """

    def __init__(self, count_failure: Callable[[str], None] = lambda _: None) -> None:
        """Call `count_failure` with the task's name at every failure."""
        self.failing: dict[str, Failure] = {}
        """The tasks whose last try failed."""
        self._count_failure = count_failure

    async def repeat(self, name: str, work: Callable[[], object], seconds: float) -> None:
        """Call `work` forever in a thread, with pauses of `seconds`; until cancelled."""
        while True:
            await asyncio.sleep(await asyncio.to_thread(self.attempt, name, work, seconds))

    async def repeat_after(self, name: str, work: Callable[[], object], wait: Callable[[], Awaitable[None]]) -> None:
        """Call `work` in a thread, and again whenever `wait` is over; until cancelled."""
        while True:
            pause = await asyncio.to_thread(self.attempt, name, work)
            await (asyncio.sleep(pause) if pause else wait())

    async def repeat_here(self, name: str, work: Callable[[], object], seconds: float) -> None:
        """Call `work`, which must be quick, forever in the event loop's thread; until cancelled."""
        while True:
            await asyncio.sleep(self.attempt(name, work, seconds))

    def repeat_until(self, stop: threading.Event, name: str, work: Callable[[], object], seconds: float) -> None:
        """Call `work` in this thread, with pauses of `seconds`, until `stop` is set."""
        while not stop.wait(self.attempt(name, work, seconds)):
            pass

    def attempt(self, name: str, work: Callable[[], object], seconds: float = 0.0) -> float:
        """Call `work` once; return the pause until the next time: `seconds`, or that after a failure."""
        try:
            work()
        except Exception as error:  # whatever it is, the next try comes
            return self.record(name, error)
        if self.failing.pop(name, None):
            logger.info("%s: works again", name)
        return seconds

    def record(self, name: str, error: Exception) -> float:
        """Log and count a failure; return the pause until the next try."""
        before = self.failing.get(name, Failure("", 0))
        failure = Failure(describe(error), before.times + 1)
        # The first of its kind has a traceback; those after it would fill the log with the same.
        is_expected = isinstance(error, NextwordError | OSError) or failure.message == before.message
        logger.error("%s: failed, and is tried again: %s", name, error, exc_info=None if is_expected else error)
        self.failing[name] = failure
        self._count_failure(name)
        return min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(before.times, 32))


def describe(error: Exception) -> str:
    """Return what happened in words for anyone: of an unexpected error its kind alone."""
    if isinstance(error, NextwordError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}; the log has the details"
