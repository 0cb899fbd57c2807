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
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch

from app.core.container_limits import cpu_quota
from app.core.exceptions import Abandoned, ModelFailed, Stopping
from app.core.settings import Settings
from app.engine.capacity import Line
from app.engine.decoder import Decoder
from app.engine.generation_request import Run
from app.engine.scheduler import Job, Scheduler, Slices
from models.errors import NextwordError
from models.inference.generation import Sequence
from models.language_model import LanguageModel
from models.utils.progress import drain

Result = TypeVar("Result")
Gone = Callable[[], Awaitable[None]]
"""Returns when nobody waits for the result any more."""

QUICK_TOKENS = 2500
"""Quick work on no more tokens than this takes less time than handing it to another thread and back."""


class Engine:
    """Computes from `start` to `stop`; every other method belongs to the event loop's thread."""

    def __init__(self, settings: Settings, count: Callable[[str, int], None]) -> None:
        """`count` is told of tokens that were read (`prompt`), written (`completion`) and scored (`scored`)."""
        self.threads = settings.threads or cpu_quota()
        self._rows = settings.max_running
        self._count = count
        self._slices: WeakKeyDictionary[LanguageModel, Slices] = WeakKeyDictionary()
        self._stopping = False
        self._pool = ThreadPoolExecutor(self.threads, "quick-pool")
        self._slow = Scheduler("slow", lambda: torch.set_num_threads(self.threads))
        self._quick = Scheduler("quick", lambda: None)
        room = settings.max_running, settings.max_waiting, settings.max_pending_tokens
        self.lines = {"slow": Line(*room), "quick": Line(*room)}

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

    def line(self, model: LanguageModel) -> Line:
        """Where work of this model waits."""
        return self.lines["quick" if model.quick else "slow"]

    @property
    def running(self) -> int:
        """How many texts have a row in a batch."""
        return sum(len(decoder) for decoder in self._decoders())

    @property
    def waiting(self) -> int:
        """How many texts wait for a row."""
        return sum(decoder.waiting for decoder in self._decoders())

    async def run(self, model: LanguageModel, work: Generator[object, None, Result], tokens: int, gone: Gone) -> Result:
        """What `work`, on about `tokens` tokens of `model`, returns; it is dropped once nobody waits for it.


        Raises Overloaded, Stopping, Abandoned, what `work` finds wrong with the request, and ModelFailed.
        """
        if model.quick and tokens <= QUICK_TOKENS:
            with model_failures():
                result = drain(work)
            self._count("scored", tokens)
            return result
        with self.place(model):
            return await unless(gone, asyncio.ensure_future(self.compute(model, work, tokens)))

    async def compute(self, model: LanguageModel, work: Generator[object, None, Result], tokens: int) -> Result:
        """What `work`, on about `tokens` tokens, returns, for a caller who holds a place."""
        if model.quick:
            job = Job(work)
            self._pool.submit(job.finish)
        else:
            job = Job(work, self._slices.setdefault(model, Slices(model)))
            self._slow.add(job)
        with model_failures(), self.line(model).work(tokens):
            result = await job.future
        self._count("scored", tokens)
        return result

    @contextmanager
    def place(self, model: LanguageModel, texts: int = 1, tokens: int = 0) -> Iterator[None]:
        """Room for a request of so much. Raises Overloaded or Stopping at once."""
        if self._stopping:
            raise Stopping("the server is going down")
        with self.line(model).place(texts, tokens):
            yield

    @contextmanager
    def generate(self, model: LanguageModel, sequences: list[Sequence], *, streaming: bool) -> Iterator[Run]:
        """Texts in the making: they join the batch at its next step and leave it when the context is left.

        Raises Overloaded or Stopping.
        """
        prompt = len(sequences[0].prompt)
        tokens = prompt + sum(sequence.params.max_tokens for sequence in sequences)
        with self.place(model, len(sequences), tokens):
            scheduler = self._quick if model.quick else self._slow
            run = Run(sequences, streaming)
            scheduler.call(lambda: self._decoder(scheduler, model).add(run))
            try:
                yield run
            finally:
                if not run.ended:
                    scheduler.call(lambda: self._decoder(scheduler, model).cancel(run))
                self._count("prompt", prompt)
                self._count("completion", sum(len(sequence.tokens) for sequence in sequences))

    def _decoders(self) -> list[Decoder]:
        found = [decoder for one in (self._slow, self._quick) for decoder in list(one.decoders.values())]
        return [decoder for decoder in found if isinstance(decoder, Decoder)]

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
    """The result of `work`; it is cancelled, and Abandoned raised, when `gone` ends first."""
    watcher = asyncio.ensure_future(gone())
    watcher.add_done_callback(lambda _: work.cancel())
    task = asyncio.current_task()
    try:
        return await work  # itself: to wait for either takes two more turns of a loop that may be busy
    except asyncio.CancelledError:
        if not watcher.done() or (task and task.cancelling()):
            raise
        watcher.result()
        raise Abandoned("the client hung up") from None
    finally:
        watcher.cancel()
        watcher.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody else asks
        work.cancel()
