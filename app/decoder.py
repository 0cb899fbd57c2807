"""The running texts of one model: who waits, whose prompt is being read, who gets a token at each step.

It knows how requests share one batch and where their tokens go. It runs in the scheduler's thread and knows neither
HTTP nor how much the service takes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass

from app.errors import ModelFailed
from models.base import LanguageModel, State
from models.generation import Batch, FinishReason, Sequence, prefill


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
        self._streaming = streaming
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._woken = False

    @property
    def ended(self) -> bool:
        """Whether every text has."""
        return all(sequence.finish_reason is not None for sequence in self.sequences)

    async def parts(self) -> AsyncIterator[Part]:
        """What is new in the texts as it comes, up to the last of each. Raises ModelFailed with the first that did."""
        readers = [_Reader(sequence) for sequence in self.sequences]
        while readers:
            await self._news.wait()
            self._news.clear()
            self._woken = False  # from here on there may be news that are not read below
            for part in [part for reader in readers if (part := reader.read())]:
                yield part
            readers = [reader for reader in readers if not reader.ended]

    async def finish(self) -> None:
        """Wait until every text has ended. Raises ModelFailed."""
        async for _ in self.parts():
            pass

    def fail(self, error: Exception) -> None:
        """The model failed on what has not ended yet; from the computing thread."""
        for sequence in self.sequences:
            if sequence.finish_reason is None:
                sequence.fail(error)
        self.stir()

    def stir(self) -> None:
        """There are news; from the computing thread."""
        if (self._streaming or self.ended) and not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._news.set)


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
        if sequence.error is not None:
            raise ModelFailed from sequence.error
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
        self._entering: list[Run] = []
        self._prefill: Generator[int, None, State] | None = None
        self._running: list[Run] = []
        self._batch = Batch(model)

    def add(self, run: Run) -> None:
        """Take in a run when there is room."""
        self._waiting.append(run)

    def cancel(self, run: Run) -> None:
        """Forget a run, wherever it is; one that has ended is none."""
        if run in self._waiting:
            self._waiting.remove(run)
        for sequence in run.sequences:
            # One whose prompt is still being read is not in the batch, which will not take it once it has ended.
            if not self._batch.evict(sequence) and sequence.finish_reason is None:
                sequence.finish("cancelled")

    def turn(self) -> bool:
        """A slice of reading prompts, and a token for each running text; returns whether there is more to do."""
        self._enter()
        self._step()
        return bool(self._batch or self._prefill or self._waiting)

    def _enter(self) -> None:
        if self._prefill is None:
            self._entering = self._admitted()
            if not self._entering:
                return
            self._prefill = prefill(self._model, _sequences(self._entering))
        try:
            next(self._prefill)
        except StopIteration as end:
            self._batch.join(_sequences(self._entering), end.value)
            self._running += self._entering
            self._prefill = None
        except Exception as error:  # the model failed: that is the end of these runs, not of the thread
            self._prefill = None
            for run in self._entering:
                run.fail(error)

    def _admitted(self) -> list[Run]:
        """The runs that wait and fit, first come first served."""
        admitted: list[Run] = []
        taken = len(self._batch)
        while self._waiting and (not taken or taken + len(self._waiting[0].sequences) <= self._rows):
            admitted.append(self._waiting.popleft())
            taken += len(admitted[-1].sequences)
        return admitted

    def _step(self) -> None:
        self._batch.step()
        for run in self._running:
            if any(sequence.error for sequence in run.sequences):
                self.cancel(run)
            run.stir()
        self._running = [run for run in self._running if not run.ended]


def _sequences(runs: list[Run]) -> list[Sequence]:
    return [sequence for run in runs for sequence in run.sequences]
