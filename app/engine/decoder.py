"""The running texts of one model: who waits, whose prompt is being read, who gets a token at each step.

It knows how requests share one batch and where their tokens go. It runs in the scheduler's thread and knows neither
HTTP nor how much the service takes on.
"""

from __future__ import annotations

import time
from collections import deque

from app.engine.generation_request import Run, stir
from app.engine.scheduler import BUSY_SECONDS, IDLE_SECONDS, Slices
from models.inference.generation import Batch, Event, Sequence, prompts
from models.inference.prefill import Row, read_on, unread
from models.language_model import LanguageModel
from models.state import concat


class Decoder:
    """One batch that runs join and leave; used in the scheduler's thread only."""

    def __init__(self, model: LanguageModel, rows: int) -> None:
        """At most `rows` sequences at a time, save that a run never waits for an empty batch."""
        self._model = model
        self._rows = rows
        self._waiting: deque[Run] = deque()
        self._reading: dict[Run, list[Row]] = {}
        self._slices = Slices(model)
        self._step_seconds = 0.0
        self._running: dict[Sequence, Run] = {}
        self._batch = Batch(model)

    def __len__(self) -> int:
        """How many texts have a row in the batch."""
        return len(self._batch)

    @property
    def waiting(self) -> int:
        """How many texts have none yet."""
        return sum(len(run.sequences) for run in [*self._waiting, *self._reading])

    def add(self, run: Run) -> None:
        """Take in a run when there is room."""
        self._waiting.append(run)

    def cancel(self, run: Run) -> None:
        """Forget a run, wherever it is; one that has ended is none."""
        if run in self._waiting:
            self._waiting.remove(run)
        self._reading.pop(run, None)
        for sequence in run.sequences:
            self._running.pop(sequence, None)
            if not self._batch.evict(sequence) and sequence.finish_reason is None:
                sequence.finish("cancelled")

    def turn(self) -> bool:
        """A slice of reading prompts, and a token for each running text; returns whether there is more to do."""
        self._admit()
        self._read()
        self._step()
        return bool(self._batch or self._reading or self._waiting)

    def _admit(self) -> None:
        """Begin with the runs that wait and fit, first come first served."""
        taken = len(self._batch) + sum(len(run.sequences) for run in self._reading)
        while self._waiting and (not taken or taken + len(self._waiting[0].sequences) <= self._rows):
            run = self._waiting.popleft()
            taken += len(run.sequences)
            try:
                self._reading[run] = prompts(self._model, run.sequences)
            except Exception as error:  # the model failed: that is the end of this run, not of the thread
                run.fail(error)

    def _read(self) -> None:
        """Read on in all prompts together; those that are read to their ends join the batch."""
        rows = unread(row for run in self._reading.values() for row in run)
        # As long as a step, where that is longer: else texts wait for their prompts while steps are made for few rows.
        self._slices.begin(max(BUSY_SECONDS, self._step_seconds) if self._batch else IDLE_SECONDS)
        try:
            self._slices.end(read_on(self._model, rows[: self._model.slice_tokens]) if rows else 0)
        except Exception:  # whatever a model may raise: one by one it shows whose it is
            self._read_one_by_one()
        if whole := [run for run, rows in self._reading.items() if not unread(rows)]:
            states = [row.state for run in whole for row in self._reading.pop(run)]
            self._batch.join([sequence for run in whole for sequence in run.sequences], concat(states))
            for run in whole:
                self._running |= dict.fromkeys(run.sequences, run)

    def _read_one_by_one(self) -> None:
        for run, rows in list(self._reading.items()):
            try:
                if pending := unread(rows):
                    read_on(self._model, pending)
            except Exception as error:
                del self._reading[run]
                run.fail(error)

    def _step(self) -> None:
        begun = time.perf_counter()
        self._tell(self._batch.step())
        self._step_seconds = time.perf_counter() - begun

    def _tell(self, events: list[Event]) -> None:
        """Let readers know what happened to their texts."""
        news: dict[Run, None] = {}
        for event in events:
            run = self._running.get(event.sequence)
            if run is None:  # another text of its run has failed
                continue
            news[run] = None
            if event.finish_reason is not None:
                del self._running[event.sequence]
                if event.sequence.error is not None:
                    self.cancel(run)
        stir(news)
