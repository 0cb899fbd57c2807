"""Results on their way from computing threads to the event loop, and there to a reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

from app.core.exceptions import ModelFailed
from app.engine.generation_request import GenerationChunk, GenerationRequest, PromptPhases


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


class GenerationStream:
    """Collector of one request's chunks until they are read; used in the event loop's thread only.

    Unread chunks of a text are merged into one, so the batch never waits for a reader, and a slow reader costs no more
    memory than one that reads at the end.
    """

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.completion_tokens = 0
        """Received so far, in all texts together."""
        self.cached_tokens = 0
        """How many tokens of the prompt came from the prefix cache."""
        self.phases: PromptPhases | None = None
        """None until the first chunk has come."""
        self.ended_at: float | None = None
        """Moment at which every text had ended, as perf_counter() tells it."""
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when every text has ended, whichever way; see `result`."""
        self._unread: dict[int, GenerationChunk] = {}
        self._unfinished = request.n
        self._has_news = asyncio.Event()

    @property
    def is_finished(self) -> bool:
        """Whether every text has ended."""
        return not self._unfinished

    def add(self, chunk: GenerationChunk) -> None:
        """Take in the next chunk of a text and wake the reader."""
        if unread := self._unread.get(chunk.index):
            unread.extend(chunk)
        else:
            self._unread[chunk.index] = chunk
        self.completion_tokens += len(chunk.tokens)
        self.cached_tokens = chunk.cached_tokens
        if chunk.phases is not None:
            self.phases = chunk.phases
        if chunk.finish_reason is not None:
            self._unfinished -= 1
            if not self._unfinished:
                self.ended_at = perf_counter()
                if not self.finished.done():
                    self.finished.set_result(None)
        self._has_news.set()

    async def chunks(self) -> AsyncIterator[GenerationChunk]:
        """Yield what is new as it comes, at most one chunk per text at a time, up to the last of each.

        Raises ModelFailed at the first text that the model failed on.
        """
        unfinished = self.request.n
        while unfinished:
            await self._has_news.wait()
            self._has_news.clear()
            for chunk in self._take():
                unfinished -= chunk.finish_reason is not None
                yield chunk

    def result(self) -> list[GenerationChunk]:
        """Return one chunk for each text, once `finished` is done. Raises ModelFailed."""
        return sorted(self._take(), key=lambda chunk: chunk.index)

    def _take(self) -> list[GenerationChunk]:
        """Return the unread chunks, which then count as read."""
        chunks = list(self._unread.values())
        self._unread.clear()
        for chunk in chunks:
            if chunk.error is not None:
                raise ModelFailed from chunk.error
        return chunks
