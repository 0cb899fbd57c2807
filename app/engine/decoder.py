"""The running texts of one model: who waits, whose prompt is being read, who gets a token at each step.

It knows how requests share one batch and where their tokens go. It runs in the scheduler's thread and knows neither
HTTP nor how much the service takes on.
"""

from __future__ import annotations

import time
from collections import deque

from app.engine.generation_request import GenerationRequest, notify_readers
from app.engine.scheduler import DECODING_CHUNK_SECONDS, IDLE_CHUNK_SECONDS, ChunkSizer
from models.inference.generation import Batch, GenerationSequence, StepOutput, prompt_prefills
from models.inference.prefill import PromptPrefill, Runtime, prefill_chunk, unfinished
from models.language_model import LanguageModel
from models.state import concat


class Decoder:
    """One batch that runs join and leave; used in the scheduler's thread only."""

    def __init__(self, model: LanguageModel, rows: int, runtime: Runtime | None = None) -> None:
        """At most `rows` sequences at a time, save that a run never waits for an empty batch.

        `runtime` is this decoder's own; without one there is no prefix cache.
        """
        self._model = model
        self._max_rows = rows
        self._waiting: deque[GenerationRequest] = deque()
        self._prefilling: dict[GenerationRequest, list[PromptPrefill]] = {}
        self._runtime = runtime or Runtime.of(model)
        self._chunk_sizer = ChunkSizer(self._runtime, fixed=model.runs_inline)
        self._decode_seconds = 0.0
        self._running: dict[GenerationSequence, GenerationRequest] = {}
        self._batch = Batch(model)

    def __len__(self) -> int:
        """How many texts have a row in the batch."""
        return len(self._batch)

    @property
    def waiting(self) -> int:
        """How many texts have none yet."""
        return sum(len(run.sequences) for run in [*self._waiting, *self._prefilling])

    def add(self, run: GenerationRequest) -> None:
        """Take in a run when there is room."""
        self._waiting.append(run)

    def cancel(self, run: GenerationRequest) -> None:
        """Forget a run, wherever it is; one that has ended is none."""
        if run in self._waiting:
            self._waiting.remove(run)
        self._prefilling.pop(run, None)
        for sequence in run.sequences:
            self._running.pop(sequence, None)
            if not self._batch.evict(sequence) and sequence.finish_reason is None:
                sequence.finish("cancelled")

    def step(self) -> bool:
        """A slice of reading prompts, and a token for each running text; returns whether there is more to do."""
        self._admit()
        self._prefill()
        self._decode_step()
        return bool(self._batch or self._prefilling or self._waiting)

    def _admit(self) -> None:
        """Begin with the runs that wait and fit, first come first served."""
        taken = len(self._batch) + sum(len(run.sequences) for run in self._prefilling)
        while self._waiting and (not taken or taken + len(self._waiting[0].sequences) <= self._max_rows):
            run = self._waiting.popleft()
            taken += len(run.sequences)
            try:
                self._prefilling[run] = prompt_prefills(self._model, run.sequences, self._runtime)
            except Exception as error:  # the model failed: that is the end of this run, not of the thread
                run.fail(error)

    def _prefill(self) -> None:
        """Read on in all prompts together; those that are read to their ends join the batch."""
        rows = unfinished(row for run in self._prefilling.values() for row in run)
        # As long as a step, where that is longer: else texts wait for their prompts while steps are made for few rows.
        self._chunk_sizer.start_chunk(
            max(DECODING_CHUNK_SECONDS, self._decode_seconds) if self._batch else IDLE_CHUNK_SECONDS
        )
        try:
            rows = rows[: self._runtime.chunk_tokens]
            self._chunk_sizer.finish_chunk(prefill_chunk(self._model, rows, self._runtime) if rows else 0)
        except Exception:  # whatever a model may raise: one by one it shows whose it is
            self._prefill_one_by_one()
        if whole := [run for run, rows in self._prefilling.items() if not unfinished(rows)]:
            states = [row.state for run in whole for row in self._prefilling.pop(run)]
            self._batch.join([sequence for run in whole for sequence in run.sequences], concat(states))
            for run in whole:
                self._running |= dict.fromkeys(run.sequences, run)

    def _prefill_one_by_one(self) -> None:
        for run, rows in list(self._prefilling.items()):
            try:
                if pending := unfinished(rows):
                    prefill_chunk(self._model, pending, self._runtime)
            except Exception as error:
                del self._prefilling[run]
                run.fail(error)

    def _decode_step(self) -> None:
        begun = time.perf_counter()
        self._notify(self._batch.step())
        self._decode_seconds = time.perf_counter() - begun

    def _notify(self, events: list[StepOutput]) -> None:
        """Let readers know what happened to their texts."""
        news: dict[GenerationRequest, None] = {}
        for event in events:
            run = self._running.get(event.sequence)
            if run is None:  # another text of its run has failed
                continue
            news[run] = None
            if event.finish_reason is not None:
                del self._running[event.sequence]
                if event.sequence.error is not None:
                    self.cancel(run)
        notify_readers(news)
