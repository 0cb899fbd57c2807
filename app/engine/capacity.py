"""How much is taken on: lines of work, each with room for so many texts and tokens, and how fast they get shorter.

Nothing waits here: there is room at once, or the work is refused and told when to come back. It knows neither what
the work is nor HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from app.core.exceptions import Overloaded

THROUGHPUT_HORIZON_SECONDS = 10.0
"""How long ago work was done that counts 1/e of what is done now, in a line's speed."""

INITIAL_SECONDS_PER_TEXT = 0.1
"""What a text is taken to need until one has been done."""

OVERLOAD_BEGINS_SECONDS, OVERLOAD_ENDS_SECONDS = 0.1, 1.0
"""How long some have to be refused until there is a crowd, and nobody until there is none."""


class WorkQueue:
    """The work of one kind that is under way or waits; used in the event loop's thread only.

    Places to wait are for those who come together by chance. While more keep coming than can be done, there is always
    another to take a row, and who waits is only answered later: in such a crowd nobody waits.
    """

    def __init__(self, max_running: int, max_waiting: int, max_tokens: int) -> None:
        self.texts = 0
        self.tokens = 0
        """Read or written by all of it together, at the most."""
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._max_tokens = max_tokens
        self._refusing_since = self._refused_last = -math.inf
        self._throughput = _Throughput()

    def has_room(self, texts: int = 1, tokens: int = 0) -> bool:
        """Whether there is room for so much, which is about to come; an empty line has room for anything."""
        now = monotonic()
        most = self._max_running + self._waiting_room(now)
        if not self.texts or (self.texts + texts <= most and self.tokens + tokens <= self._max_tokens):
            return True
        if now - self._refused_last > OVERLOAD_ENDS_SECONDS:
            self._refusing_since = now
        self._refused_last = now
        return False

    def _waiting_room(self, now: float) -> int:
        lately = now - self._refused_last <= OVERLOAD_ENDS_SECONDS
        crowded = lately and self._refused_last - self._refusing_since >= OVERLOAD_BEGINS_SECONDS
        return 0 if crowded else self._max_waiting

    def check_room(self, texts: int = 1, tokens: int = 0) -> None:
        """Raise Overloaded unless there is room for so much."""
        if not self.has_room(texts, tokens):
            raise self.overloaded_error(tokens)

    def overloaded_error(self, tokens: int = 0) -> Overloaded:
        """What is said where there is no room for a text, or for so many tokens."""
        if self.tokens + tokens <= self._max_tokens:
            message = f"{self.texts} texts are under way or waiting, and no more are taken on"
        else:
            message = f"{self.tokens} tokens are under way or waiting; {tokens} more are too many now"
        return Overloaded(message, self.seconds_to_drain)

    @contextmanager
    def reserve(self, texts: int = 1, tokens: int = 0) -> Iterator[None]:
        """Room for so much while the block lasts. Raises Overloaded where there is none."""
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
    def reserve_tokens(self, tokens: int) -> Iterator[None]:
        """So many tokens more while the block lasts, for one who has a place."""
        self.tokens += tokens
        try:
            yield
        finally:
            self.tokens -= tokens

    @property
    def seconds_to_drain(self) -> float:
        """About how long it will take until all that is under way and waits has been done."""
        return self.texts * self._throughput.seconds_per_text


class _Throughput:
    """Texts done in the time that there were any to do; the past fades."""

    def __init__(self) -> None:
        self._texts = 0.0
        self._seconds = 0.0
        self._since = 0.0

    def begin(self, *, idle: bool) -> None:
        """Work comes in; until now there was none, if `idle`."""
        if idle:
            self._since = monotonic()

    def end(self, texts: int) -> None:
        """Work is over, of which so much was done."""
        now = monotonic()
        elapsed, self._since = now - self._since, now
        fading = math.exp(-elapsed / THROUGHPUT_HORIZON_SECONDS)
        self._texts = self._texts * fading + texts
        self._seconds = self._seconds * fading + elapsed

    @property
    def seconds_per_text(self) -> float:
        return self._seconds / self._texts if self._texts else INITIAL_SECONDS_PER_TEXT
