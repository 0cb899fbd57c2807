"""TextBatcher: short texts of many requests to one model, computed together.

A recurrent encoder reads eight sentences in a third of the time of eight calls, and a call by way of another thread
costs as much as a sentence. Nobody waits for a batch to fill: a batch begins as soon as the one before has ended, with
whatever has come meanwhile, so batches are large when much is asked and a lone request is computed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from models.tasks.text import TaskText, token_chunks

BATCH_TOKENS = 1024
"""Tokens of one batch, at most, unless a single request has more: some milliseconds of a small encoder."""
GROUP_TOKENS = 256
"""Tokens of the texts of one call, padding included: texts of like length go together, so that little is padded."""
TextFunction: TypeAlias = Callable[[Sequence[TaskText]], Iterable[Any]]
"""Computes a result for each text, which must not depend on the text's company."""
Work: TypeAlias = Generator[int, None, list["Outcome"]]
Outcome: TypeAlias = list[Any] | Exception
"""Results of the texts of one request, or what the model raised."""
Submit: TypeAlias = Callable[[Work], Coroutine[Any, Any, list["Outcome"]]]
"""Has work computed in another thread."""


@dataclass(eq=False)
class _Entry:
    """The texts of one request, and the future of their results."""

    function: TextFunction
    texts: Sequence[TaskText]
    future: asyncio.Future[list[Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def token_count(self) -> int:
        return sum(map(len, self.texts))


class TextBatcher:
    """Batches of one model and one function, one at a time; used in the event loop's thread only.

    It refers to the model only while there is something to compute.
    """

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._running: asyncio.Future[list[Outcome]] | None = None

    async def compute(self, function: TextFunction, texts: Sequence[TaskText], submit: Submit) -> list[Any]:
        """Return the results of `texts`, computed in a batch. Raises what `function` or `submit` raises."""
        entry = _Entry(function, texts)
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
        while count < len(waiting) and (not count or tokens + waiting[count].token_count <= BATCH_TOKENS):
            tokens += waiting[count].token_count
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


def _settle(future: asyncio.Future[list[Any]], outcome: Outcome | None) -> None:
    """Give a request its results or its error; cancel it where there is neither."""
    if outcome is None:
        future.cancel()
    elif isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _compute(entries: Sequence[_Entry]) -> Work:
    """Compute all entries together; where that fails, one by one, so that a failure stays with its own request."""
    try:
        results = yield from _compute_texts(entries[0].function, [text for entry in entries for text in entry.texts])
    except Exception as error:
        return [error] if len(entries) == 1 else (yield from _compute_one_by_one(entries))
    rest = iter(results)
    return [[next(rest) for _ in entry.texts] for entry in entries]


def _compute_one_by_one(entries: Sequence[_Entry]) -> Work:
    outcomes: list[Outcome] = []
    for entry in entries:
        outcomes += yield from _compute([entry])
    return outcomes


def _compute_texts(function: TextFunction, texts: Sequence[TaskText]) -> Generator[int, None, list[Any]]:
    """Return a result for each text; yields the tokens of each call of `function`."""
    results: list[Any] = [None] * len(texts)
    for rows in token_chunks([len(text) for text in texts], GROUP_TOKENS):
        group = [texts[row] for row in rows]
        for row, result in zip(rows.tolist(), function(group), strict=True):
            results[row] = result
        yield sum(map(len, group))
    return results
