"""Engine: where models compute, how much work is taken on, and results and streams for the event loop.

Recurrent models, and composites that hold one, belong to one thread, which alternates decode steps with chunks of long
work. N-gram models run inline: short work on the spot, long work on a small pool of threads, texts in a second thread.
Requests, tasks and cancellations go to these threads as messages; chunks and results come back through an outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from app.core.background import BackgroundTasks
from app.core.container_limits import cpu_quota
from app.core.exceptions import ModelFailed, ServerStopping
from app.core.metrics import TextTimes
from app.core.request_facts import note_span
from app.core.settings import Settings
from app.engine.capacity import WorkQueue
from app.engine.chunked_task import ChunkedTask, ChunkSizer
from app.engine.decoder import Decoder
from app.engine.generation_request import GenerationChunk, GenerationRequest
from app.engine.outbox import EngineResult, GenerationStream, Outbox, TaskResult
from app.engine.scheduler import AddTask, CancelGeneration, Scheduler, StartGeneration
from app.engine.text_batcher import Predict, TextBatcher
from models.errors import NextwordError
from models.inference.config import SamplingParams
from models.inference.prefill import Runtime
from models.inference.prefix_cache import PrefixCache
from models.language_model import LanguageModel
from models.model import Model
from models.state import State
from models.threads import set_thread_count
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

Result = TypeVar("Result")
INLINE_TOKENS = 2500
"""Work of a model that runs inline on at most this many tokens takes less time than a change of threads, by which a
`next` costs 1.3 to 1.8 times as much processor time (`benchmarks.service.tricks`)."""


class Engine:
    """Computation of all models, from `start` to `stop`; all methods belong to the event loop's thread."""

    def __init__(
        self,
        settings: Settings,
        count_tokens: Callable[[str, int], None],
        observe_text: Callable[[TextTimes], None] = lambda _: None,
        background: BackgroundTasks | None = None,
    ) -> None:
        """Tell `count_tokens` how many tokens were read (`prompt`), written (`completion`) or `scored`.

        `observe_text` is told the times of each text that ends, `background` of faults of the computing threads.
        """
        self.threads = settings.threads or cpu_quota()
        self._count_tokens = count_tokens
        self._observe_text = observe_text
        self._prefix_cache_bytes = settings.prefix_cache_bytes
        self._chunk_sizers: WeakKeyDictionary[Model, ChunkSizer] = WeakKeyDictionary()
        # A batcher lives while a request or its batch refers to it: clients may ask any number of questions.
        self._batchers: WeakKeyDictionary[Model, WeakValueDictionary[Hashable, TextBatcher]] = WeakKeyDictionary()
        self._is_stopping = False
        self._ids = count()
        self._streams: dict[int, GenerationStream] = {}
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._outbox = Outbox(self._deliver)
        self._quick_pool = ThreadPoolExecutor(self.threads, "quick-pool")
        rows = settings.max_running
        self._slow_scheduler = Scheduler("slow", self._outbox, rows, lambda: set_thread_count(self.threads), background)
        self._quick_scheduler = Scheduler("quick", self._outbox, rows, lambda: None, background)
        limits = settings.max_running, settings.max_waiting, settings.max_pending_tokens
        self.queues = {"slow": WorkQueue(*limits), "quick": WorkQueue(*limits)}

    def start(self) -> None:
        """Start the threads; results come to the event loop that runs now."""
        self._outbox.open()
        self._slow_scheduler.start()
        self._quick_scheduler.start()

    def stop(self) -> None:
        """Take nothing more and end the threads after their current round; unfinished work is never answered."""
        self._is_stopping = True
        self._slow_scheduler.stop()
        self._quick_scheduler.stop()
        self._quick_pool.shutdown(cancel_futures=True)

    def queue_for(self, model: Model) -> WorkQueue:
        """Return the queue in which work of this model waits."""
        return self.queues["quick" if model.runs_inline else "slow"]

    def runtime_for(self, model: Model) -> Runtime:
        """Return the chunk size and the prefix cache of this model's work, which is made with them."""
        return self._chunk_sizer(model).runtime

    @property
    def running(self) -> int:
        """Number of texts with a row in a batch."""
        return sum(len(decoder) for decoder in self._decoders())

    @property
    def waiting(self) -> int:
        """Number of texts that wait for a row."""
        return sum(decoder.waiting for decoder in self._decoders())

    @property
    def decode_steps(self) -> int:
        """Number of steps so far that gave running texts a token each."""
        return self._slow_scheduler.decode_steps + self._quick_scheduler.decode_steps

    @property
    def prefix_caches(self) -> list[PrefixCache[State]]:
        """Prefix caches of the models that have been asked."""
        caches = (sizer.runtime.prefix_cache for sizer in list(self._chunk_sizers.values()))
        return [cache for cache in caches if cache is not None]

    def runs_inline(self, model: Model, tokens: int) -> bool:
        """Return whether work on `tokens` tokens is done at once in the event loop's thread."""
        return model.runs_inline and tokens <= INLINE_TOKENS

    async def run(self, model: Model, work: Generator[object, None, Result], tokens: int) -> Result:
        """Return the result of `work`, which does one chunk per step, on about `tokens` tokens.

        Raises Overloaded, ServerStopping, what `work` finds wrong with the request, and ModelFailed. Work is dropped
        before its next chunk when the caller is cancelled.
        """
        if self.runs_inline(model, tokens):
            with wrap_model_errors():
                result = run_to_completion(work)
            self._count_tokens("scored", tokens)
            return result
        with self.reserve(model):
            return await self.compute(model, work, tokens)

    async def compute(self, model: Model, work: Generator[object, None, Result], tokens: int) -> Result:
        """Do as `run`, in another thread, for a caller who has reserved a place."""
        task = ChunkedTask(next(self._ids), work, self._chunk_sizer(model))
        asked_at = perf_counter()
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._futures[task.id] = future
        try:
            if model.runs_inline:
                self._quick_pool.submit(task.run_to_end, self._outbox)
            else:
                self._slow_scheduler.send(AddTask(task))
            with wrap_model_errors(), self.queue_for(model).reserve_tokens(tokens):
                result = await future
        finally:
            task.cancelled = True  # no more is done where nobody waits for it
            del self._futures[task.id]
            if task.began_at is not None:
                note_span("queue", asked_at, task.began_at)
                note_span("compute", task.began_at)
        self._count_tokens("scored", tokens)
        return result

    async def run_together(
        self, model: Model, question: Hashable, predict: Predict, texts: Sequence[Any], tokens: int
    ) -> Sequence[Any]:
        """Return what `predict` finds for each of `texts`, computed together with those of other requests.

        `predict` is the same function for all requests with the same `question` to a model; `texts` are few and short,
        about `tokens` tokens. Raises as `run`.
        """
        batcher = self._batchers.setdefault(model, WeakValueDictionary()).setdefault(question, TextBatcher())
        sizer = self._chunk_sizer(model) if model.is_thread_safe else None
        with self.reserve(model, tokens=tokens), wrap_model_errors():
            results = await batcher.compute(predict, texts, tokens, lambda work: self.compute(model, work, 0), sizer)
        self._count_tokens("scored", tokens)
        return results

    @contextmanager
    def reserve(self, model: Model, texts: int = 1, tokens: int = 0) -> Iterator[None]:
        """Hold room for a request while the block lasts. Raises Overloaded or ServerStopping at once."""
        if self._is_stopping:
            raise ServerStopping("the server is going down")
        with self.queue_for(model).reserve(texts, tokens):
            yield

    @contextmanager
    def generate(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        prompt: Sequence[int],
        params: SamplingParams,
        n: int = 1,
        *,
        streaming: bool,
        end_state: State | None = None,
    ) -> Iterator[GenerationStream]:
        """Generate `n` texts that continue `prompt` (token ids); they leave the batch when the block is left.

        `end_state`: the one-row state after the prompt, where it has been read. Raises Overloaded or ServerStopping.
        """
        to_read = len(prompt) if end_state is None else 0
        with self.reserve(model, n, to_read + n * params.max_tokens):
            request = GenerationRequest(next(self._ids), tuple(prompt), params, n, streaming, end_state)
            stream = self._streams[request.id] = GenerationStream(request)
            scheduler = self._quick_scheduler if model.runs_inline else self._slow_scheduler
            scheduler.send(StartGeneration(model, tokenizer, self.runtime_for(model), request))
            try:
                yield stream
            finally:
                del self._streams[request.id]
                if not stream.is_finished:
                    scheduler.send(CancelGeneration(model, request.id))
                self._count_tokens("prompt", len(prompt))
                self._count_tokens("completion", stream.completion_tokens)
                _note_phases(stream)

    def _deliver(self, result: EngineResult) -> None:
        """Hand a result to whoever waits for it."""
        if not isinstance(result, TaskResult):
            self._deliver_chunk(result)
            return
        future = self._futures.get(result.task_id)
        if future is None or future.done():
            return
        if result.error is None:
            future.set_result(result.value)
        else:
            future.set_exception(result.error)

    def _deliver_chunk(self, chunk: GenerationChunk) -> None:
        if chunk.times is not None:
            self._observe_text(chunk.times)
        if stream := self._streams.get(chunk.request_id):
            stream.add(chunk)
        else:  # its reader has left meanwhile
            self._count_tokens("completion", len(chunk.tokens))

    def _chunk_sizer(self, model: Model) -> ChunkSizer:
        chunk_sizer = self._chunk_sizers.get(model)
        if chunk_sizer is None:
            has_states = isinstance(model, LanguageModel) and not model.runs_inline
            cache = PrefixCache[State](self._prefix_cache_bytes) if has_states else None
            chunk_sizer = ChunkSizer(Runtime(model.chunk_tokens, cache), fixed=model.runs_inline)
            self._chunk_sizers[model] = chunk_sizer
        return chunk_sizer

    def _decoders(self) -> list[Decoder]:
        schedulers = self._slow_scheduler, self._quick_scheduler
        return [decoder for scheduler in schedulers for decoder in list(scheduler.decoders.values())]


def _note_phases(stream: GenerationStream) -> None:
    """Note how long a generation waited, how long its prompt was read, and how long tokens came."""
    request, phases = stream.request, stream.phases
    if phases is None:
        note_span("queue", request.asked_at, stream.ended_at)
        return
    cached, tokens = stream.cached_tokens, stream.completion_tokens
    note_span("queue", request.asked_at, phases.began_at)
    note_span("prefill", phases.began_at, phases.read_at, prompt_tokens=len(request.prompt), cached_tokens=cached)
    note_span("decode", phases.read_at, stream.ended_at, texts=request.n, completion_tokens=tokens)


@contextmanager
def wrap_model_errors() -> Iterator[None]:
    """Raise ModelFailed from any exception of the block that is not raised on purpose."""
    try:
        yield
    except NextwordError:
        raise
    except Exception as error:
        raise ModelFailed from error
