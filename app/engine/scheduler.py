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

from models.kernels import gil
from models.language_model import LanguageModel

BUSY_SECONDS = 0.004
"""Of a slice while texts are running: they wait for one that reads prompts and one of long work before each token."""


IDLE_SECONDS = 0.05
"""Of a slice while none is."""


_FIRST = 8
"""Tokens of the first slice, before anything is known."""


_MOST = 4096
"""Tokens of the largest slice, for the sake of memory."""


class Slices:
    """Those of one model, if it belongs to one thread; those of quick models, which are shared, stay as they are."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._speed = 0.0
        self._begun = 0.0

    def begin(self, seconds: float) -> None:
        """The model's next slice should take so long."""
        if not self._model.quick:
            tokens = int(self._speed * seconds) if self._speed else _FIRST
            self._model.slice_tokens = min(max(tokens, 1), _MOST)
        self._begun = time.perf_counter()

    def end(self, tokens: object) -> None:
        """It held so many tokens; what is no number or 0 tells nothing."""
        if isinstance(tokens, int) and tokens > 0:
            speed = tokens / (time.perf_counter() - self._begun)
            self._speed = (self._speed + speed) / 2 if self._speed else speed


Result = TypeVar("Result")


class Job(Generic[Result]):
    """Long work, driven a slice at a time in any one thread; its future belongs to the event loop that made it."""

    def __init__(self, work: Generator[object, None, Result], slices: Slices | None = None) -> None:
        """`slices` makes those of `work` as long as they should be."""
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Result] = self.loop.create_future()
        self._work = work
        self._slices = slices

    def turn(self, seconds: float = IDLE_SECONDS) -> bool:
        """Do one slice of about so long; returns whether there is more. Once the future is cancelled there is not."""
        if self.future.cancelled():
            self._work.close()
            return False
        try:
            if self._slices is None:
                next(self._work)
            else:
                self._slices.begin(seconds)
                self._slices.end(next(self._work))
        except StopIteration as end:
            self.loop.call_soon_threadsafe(self._settle, self.future.set_result, end.value)
        except Exception as error:  # a failure of the model is its own request's and nobody else's
            self.loop.call_soon_threadsafe(self._settle, self.future.set_exception, error)
        else:
            return True
        return False

    def finish(self) -> None:
        """Do all slices."""
        while self.turn():
            pass

    def _settle(self, settle: Callable[[Any], None], outcome: object) -> None:
        if not self.future.done():
            settle(outcome)


class Decoder(Protocol):
    """The running texts of one model."""

    def turn(self) -> bool:
        """One token more for each of them; returns whether there is more. Raises nothing."""


class Scheduler:
    """Computes in a thread of its own from `start` to `stop`. Decoders and jobs are touched in that thread only."""

    def __init__(self, name: str, prepare: Callable[[], object]) -> None:
        """`prepare` is called first in the new thread."""
        self.decoders: dict[int, Decoder] = {}
        self._jobs: deque[Job[Any]] = deque()
        self._inbox: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._prepare = prepare
        self._running = True
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to compute."""
        self._thread.start()

    def stop(self) -> None:
        """Compute no more after the turn in hand; what is left is never answered. Waits for the thread to end."""
        self.call(self._end)
        self._thread.join()

    def add(self, job: Job[Any]) -> None:
        """Take on a job; from any thread."""
        self.call(lambda: self._jobs.append(job))

    def call(self, function: Callable[[], object]) -> None:
        """Call `function`, which raises nothing, in the computing thread before its next turn; from any thread."""
        self._inbox.put(function)

    def _end(self) -> None:
        self._running = False

    def _run(self) -> None:
        gil.claim()
        self._prepare()
        while self._running:
            self._take_in()
            self._step()
            self._slice()
            gil.share()

    def _take_in(self) -> None:
        """Do what was asked from outside; wait for it when there is nothing else to do."""
        if idle := not (self.decoders or self._jobs):
            gil.renounce()
        while idle or not self._inbox.empty():
            self._inbox.get()()
            idle = False

    def _step(self) -> None:
        for key, decoder in list(self.decoders.items()):
            if not decoder.turn():
                del self.decoders[key]

    def _slice(self) -> None:
        if self._jobs:
            job = self._jobs.popleft()
            if job.turn(BUSY_SECONDS if self.decoders else IDLE_SECONDS):
                self._jobs.append(job)
