"""WorkQueue: how many texts and tokens are taken on, and how long it takes until they are done.

Nothing waits here: there is room at once, or the work is refused with the time after which to try again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from app.core.exceptions import Overloaded

THROUGHPUT_HORIZON_SECONDS = 10.0
"""Age at which past work counts 1/e of current work in the throughput."""
INITIAL_SECONDS_PER_TEXT = 0.1
"""Assumed time of a text until one has been done."""
OVERLOAD_BEGINS_SECONDS = 0.1
"""After refusals for so long, with no pause of OVERLOAD_ENDS_SECONDS between two, there is an overload."""
OVERLOAD_ENDS_SECONDS = 1.0
"""After so long without a refusal, an overload is over."""


class WorkQueue:
    """The work of one kind that is under way or waits; used in the event loop's thread only.

    The waiting room absorbs bursts. Under a sustained overload, waiting only adds latency, since there is always
    another request to take a free row; so meanwhile nothing may wait. At ten times the load that can be answered, the
    slowest hundredth of the admitted takes 1.8 times as long as at capacity, and 2.3 if they waited
    (`benchmarks.service.tricks`).
    """

    def __init__(self, max_running: int, max_waiting: int, max_tokens: int) -> None:
        self.texts = 0
        """Under way or waiting."""
        self.tokens = 0
        """Read or written by all of them together, at most."""
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._max_tokens = max_tokens
        self._refusing_since = self._refused_last = -math.inf
        self._throughput = _Throughput()

    def has_room(self, texts: int = 1, tokens: int = 0) -> bool:
        """Return whether there is room for work that is about to come; an empty queue has room for anything."""
        now = monotonic()
        limit = self._max_running + self._waiting_room(now)
        if not self.texts or (self.texts + texts <= limit and self.tokens + tokens <= self._max_tokens):
            return True
        if now - self._refused_last > OVERLOAD_ENDS_SECONDS:
            self._refusing_since = now
        self._refused_last = now
        return False

    def _waiting_room(self, now: float) -> int:
        """Return how many texts may wait."""
        lately = now - self._refused_last <= OVERLOAD_ENDS_SECONDS
        overloaded = lately and self._refused_last - self._refusing_since >= OVERLOAD_BEGINS_SECONDS
        return 0 if overloaded else self._max_waiting

    def check_room(self, texts: int = 1, tokens: int = 0) -> None:
        """Raise Overloaded unless there is room for these texts and tokens."""
        if not self.has_room(texts, tokens):
            raise self.overloaded_error(tokens)

    def overloaded_error(self, tokens: int = 0) -> Overloaded:
        """Return the error for work on `tokens` tokens that has no room."""
        if self.tokens + tokens <= self._max_tokens:
            message = f"{self.texts} texts are under way or waiting, and no more are taken on"
        else:
            message = f"{self.tokens} tokens are under way or waiting; {tokens} more are too many now"
        return Overloaded(message, self.seconds_to_drain)

    @contextmanager
    def reserve(self, texts: int = 1, tokens: int = 0) -> Iterator[None]:
        """Take room while the block lasts. Raises Overloaded where there is none."""
        self.check_room(texts, tokens)
        self._throughput.begin(idle=not self.texts)
        self.texts += texts
        done = 0
        try:
            with self.reserve_tokens(tokens):
                yield
            done = texts
        finally:
            self.texts -= texts
            self._throughput.end(done)

    @contextmanager
    def lend_place(self) -> Iterator[None]:
        """Leave the place of a text to others while the block lasts, as its holder waits for its client.

        It is taken back without a look whether there is room: what was begun is not refused.
        """
        self.texts -= 1
        try:
            yield
        finally:
            self.texts += 1

    @contextmanager
    def reserve_tokens(self, tokens: int) -> Iterator[None]:
        """Count more tokens of a text that has a place, while the block lasts."""
        self.tokens += tokens
        try:
            yield
        finally:
            self.tokens -= tokens

    @property
    def seconds_to_drain(self) -> float:
        """Estimate how long it takes until all that is under way and waits is done."""
        return self.texts * self._throughput.seconds_per_text


class _Throughput:
    """Texts done per second of time with work to do; the past fades."""

    def __init__(self) -> None:
        self._texts = 0.0
        self._seconds = 0.0
        self._since = 0.0

    def begin(self, *, idle: bool) -> None:
        """Note that work came in; `idle` if there was none until now."""
        if idle:
            self._since = monotonic()

    def end(self, texts: int) -> None:
        """Note that work has ended, of which `texts` were done."""
        now = monotonic()
        elapsed, self._since = now - self._since, now
        decay = math.exp(-elapsed / THROUGHPUT_HORIZON_SECONDS)
        self._texts = self._texts * decay + texts
        self._seconds = self._seconds * decay + elapsed

    @property
    def seconds_per_text(self) -> float:
        return self._seconds / self._texts if self._texts else INITIAL_SECONDS_PER_TEXT
