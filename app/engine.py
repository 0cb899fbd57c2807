"""Where models compute: who does which work, how much is taken on, and results and streams for the event loop.

Recurrent models, and what holds one, belong to one thread, which gives every running text its next token and then does
one slice of long work. N-gram models are quick: short work is done on the spot, long work on a small pool of threads.
It knows models and generators of slices; it does not know HTTP, nor where models come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch

from app.decoder import Decoder, Run
from app.errors import Abandoned, ModelFailed, Overloaded, Stopping
from app.quota import cpu_quota
from app.scheduler import Job, Scheduler
from app.settings import Settings
from app.slices import Slices
from models.base import LanguageModel
from models.errors import NextwordError
from models.generation import Sequence
from models.scoring import drain

Result = TypeVar("Result")
Gone = Callable[[], Awaitable[None]]
"""Returns when nobody waits for the result any more."""

QUICK_TOKENS = 1000
"""Quick work on no more tokens than this takes less time than handing it to another thread and back."""


class Engine:
    """Computes from `start` to `stop`; every other method belongs to the event loop's thread."""

    def __init__(self, settings: Settings) -> None:
        self.threads = settings.threads or cpu_quota()
        self._rows = settings.max_running
        self._most = settings.max_running + settings.max_waiting
        self._taken = 0
        self._slices: WeakKeyDictionary[LanguageModel, Slices] = WeakKeyDictionary()
        self._stopping = False
        self._pool = ThreadPoolExecutor(self.threads, "quick-pool")
        self._slow = Scheduler("slow", lambda: torch.set_num_threads(self.threads))
        self._quick = Scheduler("quick", lambda: None)

    def start(self) -> None:
        """Start the threads."""
        self._slow.start()
        self._quick.start()

    def stop(self) -> None:
        """Take nothing more and end the threads after the turn in hand; what is unfinished is never answered."""
        self._stopping = True
        self._slow.stop()
        self._quick.stop()
        self._pool.shutdown(cancel_futures=True)

    async def run(self, model: LanguageModel, work: Generator[object, None, Result], tokens: int, gone: Gone) -> Result:
        """What `work`, on about `tokens` tokens of `model`, returns; it is dropped once nobody waits for it.

        Raises Overloaded, Stopping, Abandoned, what `work` finds wrong with the request, and ModelFailed.
        """
        if model.quick and tokens <= QUICK_TOKENS:
            with model_failures():
                return drain(work)
        with self.place():
            return await unless(gone, asyncio.ensure_future(self.compute(model, work)))

    async def compute(self, model: LanguageModel, work: Generator[object, None, Result]) -> Result:
        """What `work` returns, for a caller who holds a place."""
        if model.quick:
            job = Job(work)
            self._pool.submit(job.finish)
        else:
            job = Job(work, self._slices.setdefault(model, Slices(model)))
            self._slow.add(job)
        with model_failures():
            return await job.future

    @contextmanager
    def place(self, rows: int = 1) -> Iterator[None]:
        """Room for one request of `rows` texts. Raises Overloaded or Stopping at once where there is none."""
        if self._stopping:
            raise Stopping("the server is going down")
        if self._taken + rows > self._most:
            raise Overloaded(f"{self._taken} requests are under way or waiting, and no more are taken on")
        self._taken += rows
        try:
            yield
        finally:
            self._taken -= rows

    @contextmanager
    def generate(self, model: LanguageModel, sequences: list[Sequence], *, streaming: bool) -> Iterator[Run]:
        """Texts in the making: they join the batch at its next step and leave it when the context is left.

        Raises Overloaded or Stopping.
        """
        with self.place(len(sequences)):
            scheduler = self._quick if model.quick else self._slow
            run = Run(sequences, streaming)
            scheduler.call(lambda: self._decoder(scheduler, model).add(run))
            try:
                yield run
            finally:
                if any(sequence.finish_reason is None for sequence in sequences):
                    scheduler.call(lambda: self._decoder(scheduler, model).cancel(run))

    def _decoder(self, scheduler: Scheduler, model: LanguageModel) -> Decoder:
        """The model's decoder; in the scheduler's thread."""
        decoder = scheduler.decoders.get(id(model))
        if not isinstance(decoder, Decoder):
            decoder = scheduler.decoders[id(model)] = Decoder(model, self._rows)
        return decoder


@contextmanager
def model_failures() -> Iterator[None]:
    """Whatever is not raised on purpose in here is the model's failure: raises ModelFailed from it."""
    try:
        yield
    except NextwordError:
        raise
    except Exception as error:
        raise ModelFailed from error


async def unless(gone: Gone, work: asyncio.Future[Result]) -> Result:
    """The result of `work`; it is cancelled, and Abandoned raised, when `gone` returns first."""
    watcher = asyncio.ensure_future(gone())
    either: list[asyncio.Future[Any]] = [watcher, work]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Abandoned("the client hung up")
        return work.result()
    finally:
        watcher.cancel()
        work.cancel()
