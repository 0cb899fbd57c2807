"""The module `app.engine.generation_request`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from app.core.exceptions import ModelFailed
from models.inference.config import FinishReason
from models.inference.generation import Sequence


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
