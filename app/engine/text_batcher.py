"""TextBatcher: short texts of many requests to one model, computed together.

A recurrent encoder reads eight sentences in a third of the time of eight calls. Nobody waits for a batch to fill: a
batch begins as soon as the one before has ended, with whatever has come meanwhile, so batches are large when much is
asked and a lone request is computed at once.

A batch by way of another thread costs as much as a sentence, since the two threads compete for the GIL. So batches that
are known to be short are computed in the event loop's thread: 252 us of a core a sentence instead of 282, with 16
clients (`benchmarks.service.tricks`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

from app.engine.chunked_task import DECODING_CHUNK_SECONDS, ChunkSizer, as_exception
from models.utils.progress import run_to_completion

BATCH_TOKENS = 1024
"""Tokens of one batch, at most, unless a single request has more: some milliseconds of a small encoder."""
Predict: TypeAlias = Callable[[Sequence[Any]], Generator[object, None, Sequence[Any]]]
"""Computes a result for each text (or other item), whatever its company, doing one chunk of work per step."""
Outcome: TypeAlias = Sequence[Any] | Exception
"""Results of the texts of one request, or what the model raised."""
Work: TypeAlias = Generator[object, None, list[Outcome]]
Submit: TypeAlias = Callable[[Work], Coroutine[Any, Any, list[Outcome]]]
"""Has work computed in another thread."""


@dataclass(eq=False)
class _Entry:
    """The texts of one request, and the future of their results."""

    predict: Predict
    texts: Sequence[Any]
    tokens: int
    future: asyncio.Future[Sequence[Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class TextBatcher:
    """Batches of one model and one question, one at a time; used in the event loop's thread only.

    It refers to the model only while there is something to compute.
    """

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._is_busy = False
        """Whether a batch is computed, or about to be."""

    async def compute(
        self,
        predict: Predict,
        texts: Sequence[Any],
        tokens: int,
        submit: Submit,
        sizer: ChunkSizer | None = None,
    ) -> Sequence[Any]:
        """Return what `predict` finds for each of `texts`, which have about `tokens` tokens.

        `predict` is the same function for all texts that share a batcher. A batch that takes no longer than a chunk
        between decode steps, as `sizer` knows the model, is computed in this thread, any other one by `submit`. Raises
        what `predict` or `submit` does.
        """
        entry = _Entry(predict, texts, tokens)
        self._waiting.append(entry)
        if not self._is_busy:
            self._schedule(submit, sizer)
        return await entry.future

    def _schedule(self, submit: Submit, sizer: ChunkSizer | None) -> None:
        """Begin the next batch, if anybody waits: an inline one when all requests that have come are taken in."""
        self._is_busy = bool(self._waiting)
        if self._is_busy and _inline_tokens(sizer, self._waiting[0].tokens):
            asyncio.get_running_loop().call_soon(self._start, submit, sizer)
        elif self._is_busy:
            self._start(submit, sizer)

    def _start(self, submit: Submit, sizer: ChunkSizer | None) -> None:
        """Compute the next batch, here or elsewhere; abandoned entries are dropped."""
        self._waiting = [entry for entry in self._waiting if not entry.future.done()]
        self._is_busy = bool(self._waiting)
        if not self._waiting:
            return
        if sizer and (most := _inline_tokens(sizer, self._waiting[0].tokens)):
            self._compute_inline(self._take(most), sizer)
            self._schedule(submit, sizer)
        else:
            entries = self._take(BATCH_TOKENS)
            running = asyncio.ensure_future(submit(_compute(entries)))
            running.add_done_callback(lambda running: self._finish(entries, running, submit, sizer))

    def _take(self, most: int) -> list[_Entry]:
        """Return the entries of the next batch, in their order: `most` tokens at most, or a single entry."""
        waiting, tokens, count = self._waiting, 0, 0
        while count < len(waiting) and (not count or tokens + waiting[count].tokens <= most):
            tokens += waiting[count].tokens
            count += 1
        self._waiting = waiting[count:]
        return waiting[:count]

    def _compute_inline(self, entries: Sequence[_Entry], sizer: ChunkSizer) -> None:
        """Compute a batch at once and hand out its results."""
        began = time.thread_time()  # the time of a processor that others keep busy would say nothing of the model
        outcomes = run_to_completion(_compute(entries))
        sizer.learn(sum(entry.tokens for entry in entries), time.thread_time() - began)
        _settle_all(entries, outcomes)

    def _finish(
        self,
        entries: Sequence[_Entry],
        running: asyncio.Future[list[Outcome]],
        submit: Submit,
        sizer: ChunkSizer | None,
    ) -> None:
        """Hand out the results of a batch and begin the next."""
        self._schedule(submit, sizer)
        if running.cancelled():  # the event loop ends
            outcomes: Sequence[Outcome | None] = [None] * len(entries)
        else:
            error = running.exception()
            outcomes = [error] * len(entries) if isinstance(error, Exception) else running.result()
        _settle_all(entries, outcomes)


def _inline_tokens(sizer: ChunkSizer | None, tokens: int) -> int:
    """Return the bound of an inline batch in tokens; 0 where the first text, of `tokens`, is too long."""
    most = sizer.tokens_within(DECODING_CHUNK_SECONDS) if sizer else 0
    return most if tokens <= most else 0


def _settle_all(entries: Sequence[_Entry], outcomes: Sequence[Outcome | None]) -> None:
    """Give each request that still waits its outcome."""
    for entry, outcome in zip(entries, outcomes, strict=True):
        if not entry.future.done():
            _settle(entry.future, outcome)


def _settle(future: asyncio.Future[Sequence[Any]], outcome: Outcome | None) -> None:
    """Give a request its results or its error; cancel it where there is neither."""
    if outcome is None:
        future.cancel()
    elif isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _compute(entries: Sequence[_Entry]) -> Work:
    """Compute all entries together; where that fails, one by one, so that only the faulty one fails."""
    try:
        results = yield from entries[0].predict([text for entry in entries for text in entry.texts])
    except GeneratorExit:
        raise
    except BaseException as error:  # a panic of compiled code too
        return [as_exception(error)] if len(entries) == 1 else (yield from _compute_one_by_one(entries))
    rest = iter(results)
    return [list(islice(rest, len(entry.texts))) for entry in entries]


def _compute_one_by_one(entries: Sequence[_Entry]) -> Work:
    outcomes: list[Outcome] = []
    for entry in entries:
        outcomes += yield from _compute([entry])
    return outcomes
