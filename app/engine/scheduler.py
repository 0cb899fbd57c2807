"""One thread that computes: a decode step for every model's running texts, then one slice of long work, and round.

So a long text never stalls a running one for more than a slice. It knows turns; what a step or a slice does, decoders
and generators say. It knows neither HTTP nor limits; results go to the event loop that asked.

How long slices take: how many tokens of a model make one of so many milliseconds, learnt from those before.

It knows clocks and tokens. It does not know what a slice does, nor who waits for it to end.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, Protocol, TypeVar

from models.inference.prefill import Runtime
from models.kernels import gil

DECODING_CHUNK_SECONDS = 0.004
"""Of a slice while texts are running: they wait for one that reads prompts and one of long work before each token."""


IDLE_CHUNK_SECONDS = 0.05
"""Of a slice while none is."""


FIRST_CHUNK_TOKENS = 8
"""Tokens of the first slice, before anything is known."""


MAX_CHUNK_TOKENS = 4096
"""Tokens of the largest slice, for the sake of memory."""


class ChunkSizer:
    """Sets how many tokens a chunk of a model's work holds, so that it takes a given time; learns from past chunks."""

    def __init__(self, runtime: Runtime, *, fixed: bool = False) -> None:
        """Set `runtime.chunk_tokens`; `fixed`: leave it, as for n-gram models, whose chunks several threads share."""
        self._runtime = runtime
        self._fixed = fixed
        self._speed = 0.0
        self._begun = 0.0

    def start_chunk(self, seconds: float) -> None:
        """The model's next slice should take so long."""
        if not self._fixed:
            tokens = int(self._speed * seconds) if self._speed else FIRST_CHUNK_TOKENS
            self._runtime.chunk_tokens = min(max(tokens, 1), MAX_CHUNK_TOKENS)
        self._begun = time.perf_counter()

    def finish_chunk(self, tokens: object) -> None:
        """It held so many tokens; what is no number or 0 tells nothing."""
        if isinstance(tokens, int) and tokens > 0:
            speed = tokens / (time.perf_counter() - self._begun)
            self._speed = (self._speed + speed) / 2 if self._speed else speed


Result = TypeVar("Result")


class ChunkedTask(Generic[Result]):
    """Long work, driven a slice at a time in any one thread; its future belongs to the event loop that made it."""

    def __init__(self, work: Generator[object, None, Result], slices: ChunkSizer | None = None) -> None:
        """`slices` makes those of `work` as long as they should be."""
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Result] = self.loop.create_future()
        self._chunks = work
        self._chunk_sizer = slices

    def run_chunk(self, seconds: float = IDLE_CHUNK_SECONDS) -> bool:
        """Do one slice of about so long; returns whether there is more. Once the future is cancelled there is not."""
        if self.future.cancelled():
            self._chunks.close()
            return False
        try:
            if self._chunk_sizer is None:
                next(self._chunks)
            else:
                self._chunk_sizer.start_chunk(seconds)
                self._chunk_sizer.finish_chunk(next(self._chunks))
        except StopIteration as end:
            self.loop.call_soon_threadsafe(self._resolve, self.future.set_result, end.value)
        except Exception as error:  # a failure of the model is its own request's and nobody else's
            self.loop.call_soon_threadsafe(self._resolve, self.future.set_exception, error)
        else:
            return True
        return False

    def run_to_end(self) -> None:
        """Do all slices."""
        while self.run_chunk():
            pass

    def _resolve(self, settle: Callable[[Any], None], outcome: object) -> None:
        if not self.future.done():
            settle(outcome)


class Stepper(Protocol):
    """The running texts of one model."""

    def step(self) -> bool:
        """One token more for each of them; returns whether there is more. Raises nothing."""


class Scheduler:
    """Computes in a thread of its own from `start` to `stop`. Decoders and jobs are touched in that thread only."""

    def __init__(self, name: str, prepare: Callable[[], object]) -> None:
        """`prepare` is called first in the new thread."""
        self.decoders: dict[int, Stepper] = {}
        self._tasks: deque[ChunkedTask[Any]] = deque()
        self._inbox: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._prepare = prepare
        self._running = True
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to compute."""
        self._thread.start()

    def stop(self) -> None:
        """Compute no more after the turn in hand; what is left is never answered. Waits for the thread to end."""
        self.call_soon(self._stop_running)
        self._thread.join()

    def add_task(self, job: ChunkedTask[Any]) -> None:
        """Take on a job; from any thread."""
        self.call_soon(lambda: self._tasks.append(job))

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call `function`, which raises nothing, in the computing thread before its next turn; from any thread."""
        self._inbox.put(function)

    def _stop_running(self) -> None:
        self._running = False

    def _run(self) -> None:
        gil.register_compute_thread()
        self._prepare()
        while self._running:
            self._drain_inbox()
            self._step_decoders()
            self._run_chunk()
            gil.yield_periodically()

    def _drain_inbox(self) -> None:
        """Do what was asked from outside; wait for it when there is nothing else to do."""
        if idle := not (self.decoders or self._tasks):
            gil.before_release()
        while idle or not self._inbox.empty():
            self._inbox.get()()
            idle = False

    def _step_decoders(self) -> None:
        for key, decoder in list(self.decoders.items()):
            if not decoder.step():
                del self.decoders[key]

    def _run_chunk(self) -> None:
        if self._tasks:
            job = self._tasks.popleft()
            if job.run_chunk(DECODING_CHUNK_SECONDS if self.decoders else IDLE_CHUNK_SECONDS):
                self._tasks.append(job)
