"""The running texts of one model: who waits, whose prompt is being read, who gets a token at each step.

It knows how requests share one batch and where their tokens go. It runs in the scheduler's thread and knows neither
HTTP nor how much the service takes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterable

from models.base import LanguageModel, State
from models.generation import Batch, Event, Sequence, prefill


class Run:
    """The texts of one request, seen from the event loop that made it."""

    def __init__(self, sequences: list[Sequence], streaming: bool) -> None:
        """Without `streaming` only the last event of each sequence is told."""
        self.sequences = sequences
        self.streaming = streaming
        self.loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[Event | Exception] = asyncio.Queue()

    async def events(self) -> AsyncIterator[Event]:
        """Events as they come, up to the last of every sequence. Raises what the model failed with."""
        left = len(self.sequences)
        while left:
            event = await self._told.get()
            if isinstance(event, Exception):
                raise event
            left -= event.finish_reason is not None
            yield event

    async def finish(self) -> None:
        """Wait until every sequence has ended. Raises what the model failed with."""
        async for _ in self.events():
            pass

    def tell(self, events: Iterable[Event | Exception]) -> None:
        """Hand events over; in the event loop."""
        for event in events:
            self._told.put_nowait(event)

    def wants(self, event: Event) -> bool:
        """Whether it is told."""
        return self.streaming or event.finish_reason is not None


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
            _fail(self._entering, error)

    def _admitted(self) -> list[Run]:
        """The runs that wait and fit, first come first served."""
        admitted: list[Run] = []
        taken = len(self._batch)
        while self._waiting and (not taken or taken + len(self._waiting[0].sequences) <= self._rows):
            admitted.append(self._waiting.popleft())
            taken += len(admitted[-1].sequences)
        return admitted

    def _step(self) -> None:
        try:
            events = self._batch.step()
        except Exception as error:  # as above
            self._batch = Batch(self._model)
            failed, self._running = self._running, []
            _fail(failed, error)
        else:
            self._tell(events)

    def _tell(self, events: list[Event]) -> None:
        told = {event.sequence: event for event in events}
        for run in self._running:
            mine = [told[s] for s in run.sequences if s in told and run.wants(told[s])]
            if mine:
                run.loop.call_soon_threadsafe(run.tell, mine)
        self._running = [run for run in self._running if any(s.finish_reason is None for s in run.sequences)]


def _sequences(runs: list[Run]) -> list[Sequence]:
    return [sequence for run in runs for sequence in run.sequences]


def _fail(runs: list[Run], error: Exception) -> None:
    for run in runs:
        run.loop.call_soon_threadsafe(run.tell, [error])
