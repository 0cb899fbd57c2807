"""Results on their way from computing threads to the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from app.engine.generation_request import GenerationChunk


class TaskResult(NamedTuple):
    """Outcome of a chunked task."""

    task_id: int
    value: Any
    """What the task returned: as many kinds as there are tasks."""
    error: Exception | None = None
    """What it raised."""


EngineResult: TypeAlias = GenerationChunk | TaskResult


class Outbox:
    """Queue of results for the event loop; many that come together cost the loop one call.

    `put` belongs to computing threads; `deliver` is called in the event loop's thread, once for each result.
    """

    def __init__(self, deliver: Callable[[EngineResult], None]) -> None:
        self._deliver = deliver
        self._loop: asyncio.AbstractEventLoop | None = None
        self._results: deque[EngineResult] = deque()
        self._is_scheduled = False
        """Whether the loop has been asked to empty the outbox and has not begun to."""

    def open(self) -> None:
        """Deliver to the event loop that runs now."""
        self._loop = asyncio.get_running_loop()

    def put(self, results: Iterable[EngineResult]) -> None:
        """Send results; from any thread."""
        self._results.extend(results)
        if self._loop is not None and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._is_scheduled = False  # from here on, results may come that are not seen below
        while self._results:
            self._deliver(self._results.popleft())
