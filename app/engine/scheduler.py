"""Scheduler: a thread that computes decode steps of all models and chunks of long work in turn.

So a long text never stalls a generation for more than a chunk. Requests come in through an inbox of messages and
results leave through an outbox: nothing else is shared with the event loop.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeAlias

from app.core.background import BackgroundTasks
from app.engine.chunked_task import DECODING_CHUNK_SECONDS, IDLE_CHUNK_SECONDS, ChunkedTask, as_exception
from app.engine.decoder import Decoder
from app.engine.generation_request import GenerationRequest
from app.engine.outbox import Outbox
from models.inference.prefill import Runtime
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer


class AddTask(NamedTuple):
    """Message: take on long work."""

    task: ChunkedTask


class StartGeneration(NamedTuple):
    """Message: continue a prompt with a model."""

    model: LanguageModel
    tokenizer: Tokenizer
    runtime: Runtime
    """Prefix cache and first chunk size of the model; its decoder has a copy with chunks of its own."""
    request: GenerationRequest


class CancelGeneration(NamedTuple):
    """Message: end a generation, whether it waits or runs; ignored if it has ended."""

    model: LanguageModel
    request_id: int


class Stop(NamedTuple):
    """Message: end the thread after its current round."""


Message: TypeAlias = AddTask | StartGeneration | CancelGeneration | Stop


class Scheduler:
    """A computing thread, from `start` to `stop`; decoders and tasks are touched in that thread only."""

    def __init__(
        self,
        name: str,
        outbox: Outbox,
        max_rows: int,
        prepare: Callable[[], object],
        background: BackgroundTasks | None = None,
    ) -> None:
        """`max_rows` is the most texts in one batch; `prepare` is called first in the new thread.

        `background` tells of rounds that fail; what fails on behalf of one request is told to that request instead.
        """
        self._name = f"{name} models"
        self._background = background or BackgroundTasks()
        self.decoders: dict[int, Decoder] = {}
        """By the id() of the model; those with something to do."""
        self.decode_steps = 0
        """Steps so far that gave texts a token."""
        self._outbox = outbox
        self._max_rows = max_rows
        self._tasks: deque[ChunkedTask] = deque()
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._prepare = prepare
        self._is_running = True
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to compute."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its current round and wait for it; unfinished work is never answered."""
        self.send(Stop())
        self._thread.join()

    def send(self, message: Message) -> None:
        """Have a message handled before the next round; from any thread."""
        self._inbox.put(message)

    def _run(self) -> None:
        self._prepare()
        while self._is_running:
            try:
                while self._is_running:
                    self._run_round()
            except BaseException as error:  # without this thread, no request would be answered any more
                time.sleep(self._background.record(self._name, as_exception(error)))
                self._background.attempt(self._name, self._step_decoders)

    def _run_round(self) -> None:
        self._drain_inbox()
        self._step_decoders()
        self._run_chunk()

    def _drain_inbox(self) -> None:
        """Handle all messages; wait for one when there is nothing else to do."""
        is_idle = not (self.decoders or self._tasks)
        while is_idle or not self._inbox.empty():
            self._handle(self._inbox.get())
            is_idle = False

    def _handle(self, message: Message) -> None:
        match message:
            case AddTask(task):
                self._tasks.append(task)
            case StartGeneration(model, tokenizer, runtime, request):
                if id(model) not in self.decoders:
                    decoder = Decoder(model, tokenizer, replace(runtime), self._max_rows, self._outbox)
                    self.decoders[id(model)] = decoder
                self.decoders[id(model)].add(request)
            case CancelGeneration(model, request_id):
                if id(model) in self.decoders:
                    self.decoders[id(model)].cancel(request_id)
            case Stop():
                self._is_running = False

    def _step_decoders(self) -> None:
        for key, decoder in list(self.decoders.items()):
            has_more = decoder.step()
            self.decode_steps += decoder.has_stepped
            if not has_more:
                del self.decoders[key]

    def _run_chunk(self) -> None:
        if self._tasks:
            task = self._tasks.popleft()
            if task.run_chunk(self._outbox, DECODING_CHUNK_SECONDS if self.decoders else IDLE_CHUNK_SECONDS):
                self._tasks.append(task)
