"""The running texts of one model: who waits, whose prompt is being read, who gets a token at each step.

It knows how requests share one batch and where their tokens go. It runs in the scheduler's thread and knows neither
HTTP nor how much the service takes on.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from app.engine.slices import BUSY_SECONDS, IDLE_SECONDS, Slices
from app.http.error_responses import ModelFailed
from models.inference.generation import Batch, Event, FinishReason, Sequence, prompts
from models.inference.prefill import Row, read_on, unread
from models.language_model import LanguageModel, concat


@dataclass(frozen=True)
class Part:
    """What a text has gained since its reader last looked: one token where the reader keeps up, more where not."""

    sequence: Sequence
    tokens: list[int]
    logprobs: list[float]
    """The model's log P of each in nats."""
    text: str
    """Newly certain, often empty: what may belong to a stop string is held back."""
    finish_reason: FinishReason | None
    """Set in the last part of a text."""


class Run:
    """The texts of one request, seen from the event loop that made it.

    A reader has no queue that could fill: the texts themselves hold what it has not read yet, and it takes all that
    is new at once. So the batch never waits for it, and a slow one costs no more memory than one who reads at the end.
    """

    def __init__(self, sequences: list[Sequence], streaming: bool) -> None:
        """Without `streaming` its reader is woken at the end only."""
        self.sequences = sequences
        self.streaming = streaming
        for sequence in sequences:
            sequence.watched = streaming
        self.loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self.loop.create_future()
        """Done when every text has ended, whichever way; see `check`."""
        self.woken = False
        """Whether the reader has been told of news and has not looked since."""
        self._news = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether every text has."""
        for sequence in self.sequences:  # noqa: SIM110 - asked of every run after every step
            if sequence.finish_reason is None:
                return False
        return True

    async def parts(self) -> AsyncIterator[Part]:
        """What is new in the texts as it comes, up to the last of each. Raises ModelFailed with the first that did."""
        readers = [_Reader(sequence) for sequence in self.sequences]
        while readers:
            await self._news.wait()
            self._news.clear()
            self.woken = False  # from here on there may be news that are not read below
            for part in [part for reader in readers if (part := reader.read())]:
                yield part
            readers = [reader for reader in readers if not reader.ended]

    def check(self) -> None:
        """Raise ModelFailed with the first text that did."""
        for sequence in self.sequences:
            _check(sequence)

    def wake(self) -> None:
        """Let the reader look; in the event loop's thread."""
        self._news.set()
        if self.ended and not self.over.done():
            self.over.set_result(None)

    def fail(self, error: Exception) -> None:
        """The model failed on what has not ended yet; from the computing thread."""
        for sequence in self.sequences:
            if sequence.finish_reason is None:
                sequence.fail(error)
        stir([self])


def stir(runs: Iterable[Run]) -> None:
    """There are news for the readers of these; from the computing thread, which wakes the event loop once for all."""
    if asleep := [run for run in runs if not run.woken and (run.streaming or run.ended)]:
        for run in asleep:
            run.woken = True
        asleep[0].loop.call_soon_threadsafe(_wake, asleep)


def _check(sequence: Sequence) -> None:
    if sequence.error is not None:
        raise ModelFailed from sequence.error


def _wake(runs: list[Run]) -> None:
    for run in runs:
        run.wake()


class _Reader:
    """How much of a text has been read; the computing thread may be writing it meanwhile."""

    def __init__(self, sequence: Sequence) -> None:
        self.ended = False
        self._sequence = sequence
        self._tokens = 0
        self._characters = 0

    def read(self) -> Part | None:
        """What is new, if anything is. Raises ModelFailed."""
        sequence, begin = self._sequence, self._tokens
        # In the opposite order of the writer's: what ends a text is written last, a token's log-probability after it.
        reason = sequence.finish_reason
        _check(sequence)
        end = len(sequence.logprobs)
        if end == begin and reason is None:
            return None
        text = sequence.text[self._characters :]
        self.ended = reason is not None
        self._tokens = end
        self._characters += len(text)
        return Part(sequence, sequence.tokens[begin:end], sequence.logprobs[begin:end], text, reason)


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
