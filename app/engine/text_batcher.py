"""TextBatcher: short texts of many requests to one model, computed together.

A recurrent encoder reads eight sentences in a third of the time of eight calls, and a call by way of another thread
costs as much as a sentence. Nobody waits for a batch to fill: a batch begins as soon as the one before has ended, with
whatever has come meanwhile, so batches are large when much is asked and a lone request is computed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

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
        self._running: asyncio.Future[list[Outcome]] | None = None

    async def compute(self, predict: Predict, texts: Sequence[Any], tokens: int, submit: Submit) -> Sequence[Any]:
        """Return what `predict` finds for each of `texts`, which have about `tokens` tokens.

        `predict` is the same function for all texts that share a batcher. Raises what it or `submit` raises.
        """
        entry = _Entry(predict, texts, tokens)
        self._waiting.append(entry)
        if self._running is None:
            self._start(submit)
        return await entry.future

    def _start(self, submit: Submit) -> None:
        """Begin the next batch, if anybody waits."""
        self._running = None
        if entries := self._take():
            self._running = asyncio.ensure_future(submit(_compute(entries)))
            self._running.add_done_callback(lambda running: self._finish(entries, running, submit))

    def _take(self) -> list[_Entry]:
        """Return the entries of the next batch, in the order in which they came; abandoned ones are dropped."""
        waiting = [entry for entry in self._waiting if not entry.future.done()]
        tokens, count = 0, 0
        while count < len(waiting) and (not count or tokens + waiting[count].tokens <= BATCH_TOKENS):
            tokens += waiting[count].tokens
            count += 1
        self._waiting = waiting[count:]
        return waiting[:count]

    def _finish(self, entries: Sequence[_Entry], running: asyncio.Future[list[Outcome]], submit: Submit) -> None:
        """Hand out the results of a batch and begin the next."""
        self._start(submit)
        if running.cancelled():  # the event loop ends
            outcomes: Sequence[Outcome | None] = [None] * len(entries)
        else:
            error = running.exception()
            outcomes = [error] * len(entries) if isinstance(error, Exception) else running.result()
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
    except Exception as error:
        return [error] if len(entries) == 1 else (yield from _compute_one_by_one(entries))
    rest = iter(results)
    return [list(islice(rest, len(entry.texts))) for entry in entries]


def _compute_one_by_one(entries: Sequence[_Entry]) -> Work:
    outcomes: list[Outcome] = []
    for entry in entries:
        outcomes += yield from _compute([entry])
    return outcomes
