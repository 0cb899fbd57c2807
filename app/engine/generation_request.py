"""The module `app.engine.generation_request`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from app.core.exceptions import ModelFailed
from models.inference.config import FinishReason
from models.inference.generation import GenerationSequence


@dataclass(frozen=True)
class GenerationChunk:
    """What a text has gained since its reader last looked: one token where the reader keeps up, more where not."""

    sequence: GenerationSequence
    tokens: list[int]
    logprobs: list[float]
    """The model's log P of each in nats."""
    text: str
    """Newly certain, often empty: what may belong to a stop string is held back."""
    finish_reason: FinishReason | None
    """Set in the last part of a text."""


class GenerationRequest:
    """The texts of one request, seen from the event loop that made it.

    A reader has no queue that could fill: the texts themselves hold what it has not read yet, and it takes all that
    is new at once. So the batch never waits for it, and a slow one costs no more memory than one who reads at the end.
    """

    def __init__(self, sequences: list[GenerationSequence], streaming: bool) -> None:
        """Without `streaming` its reader is woken at the end only."""
        self.sequences = sequences
        self.streaming = streaming
        for sequence in sequences:
            sequence.streamed = streaming
        self.loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[None] = self.loop.create_future()
        """Done when every text has ended, whichever way; see `check`."""
        self.notified = False
        """Whether the reader has been told of news and has not looked since."""
        self._has_news = asyncio.Event()

    @property
    def is_finished(self) -> bool:
        """Whether every text has."""
        for sequence in self.sequences:  # noqa: SIM110 - asked of every run after every step
            if sequence.finish_reason is None:
                return False
        return True

    async def chunks(self) -> AsyncIterator[GenerationChunk]:
        """What is new in the texts as it comes, up to the last of each. Raises ModelFailed with the first that did."""
        readers = [_SequenceReader(sequence) for sequence in self.sequences]
        while readers:
            await self._has_news.wait()
            self._has_news.clear()
            self.notified = False  # from here on there may be news that are not read below
            for part in [part for reader in readers if (part := reader.read())]:
                yield part
            readers = [reader for reader in readers if not reader.is_finished]

    def raise_if_failed(self) -> None:
        """Raise ModelFailed with the first text that did."""
        for sequence in self.sequences:
            _raise_if_failed(sequence)

    def wake(self) -> None:
        """Let the reader look; in the event loop's thread."""
        self._has_news.set()
        if self.is_finished and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, error: Exception) -> None:
        """The model failed on what has not ended yet; from the computing thread."""
        for sequence in self.sequences:
            if sequence.finish_reason is None:
                sequence.fail(error)
        notify_readers([self])


def notify_readers(runs: Iterable[GenerationRequest]) -> None:
    """There are news for the readers of these; from the computing thread, which wakes the event loop once for all."""
    if asleep := [run for run in runs if not run.notified and (run.streaming or run.is_finished)]:
        for run in asleep:
            run.notified = True
        asleep[0].loop.call_soon_threadsafe(_wake_readers, asleep)


def _raise_if_failed(sequence: GenerationSequence) -> None:
    if sequence.error is not None:
        raise ModelFailed from sequence.error


def _wake_readers(runs: list[GenerationRequest]) -> None:
    for run in runs:
        run.wake()


class _SequenceReader:
    """How much of a text has been read; the computing thread may be writing it meanwhile."""

    def __init__(self, sequence: GenerationSequence) -> None:
        self.is_finished = False
        self._sequence = sequence
        self._tokens = 0
        self._text_length = 0

    def read(self) -> GenerationChunk | None:
        """What is new, if anything is. Raises ModelFailed."""
        sequence, begin = self._sequence, self._tokens
        # In the opposite order of the writer's: what ends a text is written last, a token's log-probability after it.
        reason = sequence.finish_reason
        _raise_if_failed(sequence)
        end = len(sequence.logprobs)
        if end == begin and reason is None:
            return None
        text = sequence.text[self._text_length :]
        self.is_finished = reason is not None
        self._tokens = end
        self._text_length += len(text)
        return GenerationChunk(sequence, sequence.tokens[begin:end], sequence.logprobs[begin:end], text, reason)
