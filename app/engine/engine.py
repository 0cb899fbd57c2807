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
from dataclasses import replace
from typing import TypeVar
from weakref import WeakKeyDictionary

from app.core.container_limits import cpu_quota
from app.core.exceptions import ModelFailed, RequestAbandoned, ServerStopping
from app.core.settings import Settings
from app.engine.capacity import WorkQueue
from app.engine.decoder import Decoder
from app.engine.generation_request import GenerationRequest
from app.engine.scheduler import ChunkedTask, ChunkSizer, Scheduler
from models.errors import NextwordError
from models.inference.generation import GenerationSequence
from models.inference.prefill import Runtime
from models.inference.prefix_cache import PrefixCache
from models.language_model import LanguageModel
from models.state import State
from models.threads import set_thread_count
from models.utils.progress import run_to_completion

Result = TypeVar("Result")
WaitForDisconnect = Callable[[], Awaitable[None]]
"""Returns when nobody waits for the result any more."""

INLINE_TOKENS = 2500
"""Quick work on no more tokens than this takes less time than handing it to another thread and back."""


class Engine:
    """Computes from `start` to `stop`; every other method belongs to the event loop's thread."""

    def __init__(self, settings: Settings, count: Callable[[str, int], None]) -> None:
        """`count` is told of tokens that were read (`prompt`), written (`completion`) and scored (`scored`)."""
        self.threads = settings.threads or cpu_quota()
        self._max_rows = settings.max_running
        self._count = count
        self._prefix_cache_bytes = settings.prefix_cache_bytes
        self._runtimes: WeakKeyDictionary[LanguageModel, Runtime] = WeakKeyDictionary()
        self._chunk_sizers: WeakKeyDictionary[LanguageModel, ChunkSizer] = WeakKeyDictionary()
        self._stopping = False
        self._quick_pool = ThreadPoolExecutor(self.threads, "quick-pool")
        self._slow_scheduler = Scheduler("slow", lambda: set_thread_count(self.threads))
        self._quick_scheduler = Scheduler("quick", lambda: None)
        room = settings.max_running, settings.max_waiting, settings.max_pending_tokens
        self.queues = {"slow": WorkQueue(*room), "quick": WorkQueue(*room)}

    def start(self) -> None:
        """Start the threads."""
        self._slow_scheduler.start()
        self._quick_scheduler.start()

    def stop(self) -> None:
        """Take nothing more and end the threads after the turn in hand; what is unfinished is never answered."""
        self._stopping = True
        self._slow_scheduler.stop()
        self._quick_scheduler.stop()
        self._quick_pool.shutdown(cancel_futures=True)

    def queue(self, model: LanguageModel) -> WorkQueue:
        """Where work of this model waits."""
        return self.queues["quick" if model.runs_inline else "slow"]

    def runtime(self, model: LanguageModel) -> Runtime:
        """Return the chunk size and the prefix cache of this model's work, which generators of it are made with."""
        if model not in self._runtimes:
            cache = None if model.runs_inline else PrefixCache[State](self._prefix_cache_bytes)
            self._runtimes[model] = Runtime(model.chunk_tokens, cache)
        return self._runtimes[model]

    @property
    def running(self) -> int:
        """How many texts have a row in a batch."""
        return sum(len(decoder) for decoder in self._decoders())

    @property
    def waiting(self) -> int:
        """How many texts wait for a row."""
        return sum(decoder.waiting for decoder in self._decoders())

    async def run(
        self, model: LanguageModel, work: Generator[object, None, Result], tokens: int, gone: WaitForDisconnect
    ) -> Result:
        """What `work`, on about `tokens` tokens of `model`, returns; it is dropped once nobody waits for it.


        Raises Overloaded, Stopping, Abandoned, what `work` finds wrong with the request, and ModelFailed.
        """
        if model.runs_inline and tokens <= INLINE_TOKENS:
            with wrap_model_errors():
                result = run_to_completion(work)
            self._count("scored", tokens)
            return result
        with self.reserve(model):
            return await await_unless_disconnected(gone, asyncio.ensure_future(self.compute(model, work, tokens)))

    async def compute(self, model: LanguageModel, work: Generator[object, None, Result], tokens: int) -> Result:
        """What `work`, on about `tokens` tokens, returns, for a caller who holds a place."""
        if model.runs_inline:
            job = ChunkedTask(work)
            self._quick_pool.submit(job.run_to_end)
        else:
            job = ChunkedTask(work, self._chunk_sizers.setdefault(model, ChunkSizer(self.runtime(model))))
            self._slow_scheduler.add_task(job)
        with wrap_model_errors(), self.queue(model).reserve_tokens(tokens):
            result = await job.future
        self._count("scored", tokens)
        return result

    @contextmanager
    def reserve(self, model: LanguageModel, texts: int = 1, tokens: int = 0) -> Iterator[None]:
        """Room for a request of so much. Raises Overloaded or Stopping at once."""
        if self._stopping:
            raise ServerStopping("the server is going down")
        with self.queue(model).reserve(texts, tokens):
            yield

    @contextmanager
    def generate(
        self, model: LanguageModel, sequences: list[GenerationSequence], *, streaming: bool
    ) -> Iterator[GenerationRequest]:
        """Texts in the making: they join the batch at its next step and leave it when the context is left.

        Raises Overloaded or Stopping.
        """
        prompt = len(sequences[0].prompt)
        tokens = prompt + sum(sequence.params.max_tokens for sequence in sequences)
        with self.reserve(model, len(sequences), tokens):
            scheduler = self._quick_scheduler if model.runs_inline else self._slow_scheduler
            run, runtime = GenerationRequest(sequences, streaming), self.runtime(model)
            scheduler.call_soon(lambda: self._decoder_of(scheduler, model, runtime).add(run))
            try:
                yield run
            finally:
                if not run.is_finished:
                    scheduler.call_soon(lambda: self._decoder_of(scheduler, model, runtime).cancel(run))
                self._count("prompt", prompt)
                self._count("completion", sum(len(sequence.tokens) for sequence in sequences))

    def _decoders(self) -> list[Decoder]:
        found = [
            decoder for one in (self._slow_scheduler, self._quick_scheduler) for decoder in list(one.decoders.values())
        ]
        return [decoder for decoder in found if isinstance(decoder, Decoder)]

    def _decoder_of(self, scheduler: Scheduler, model: LanguageModel, runtime: Runtime) -> Decoder:
        """The model's decoder, with chunks of its own; in the scheduler's thread."""
        decoder = scheduler.decoders.get(id(model))
        if not isinstance(decoder, Decoder):
            decoder = scheduler.decoders[id(model)] = Decoder(model, self._max_rows, replace(runtime))
        return decoder


@contextmanager
def wrap_model_errors() -> Iterator[None]:
    """Whatever is not raised on purpose in here is the model's failure: raises ModelFailed from it."""
    try:
        yield
    except NextwordError:
        raise
    except Exception as error:
        raise ModelFailed from error


async def await_unless_disconnected(gone: WaitForDisconnect, work: asyncio.Future[Result]) -> Result:
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
        raise RequestAbandoned("the client hung up") from None
    finally:
        watcher.cancel()
        watcher.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody else asks
        work.cancel()
