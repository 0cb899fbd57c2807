"""How much is taken on: lines of work, each with room for so many texts and tokens, and how fast they get shorter.

Nothing waits here: there is room at once, or the work is refused and told when to come back. It knows neither what
the work is nor HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from app.errors import Overloaded

HORIZON_SECONDS = 10.0
"""How long ago work was done that counts 1/e of what is done now, in a line's speed."""

FIRST_SECONDS = 0.1
"""What a text is taken to need until one has been done."""


class Line:
    """The work of one kind that is under way or waits; used in the event loop's thread only."""

    def __init__(self, max_texts: int, max_tokens: int) -> None:
        self.texts = 0
        self.tokens = 0
        """Read or written by all of it together, at the most."""
        self._max_texts = max_texts
        self._max_tokens = max_tokens
        self._speed = _Speed()

    def has_room(self, texts: int = 1, tokens: int = 0) -> bool:
        """Whether there is room for so much; an empty line has room for anything."""
        within = self.texts + texts <= self._max_texts and self.tokens + tokens <= self._max_tokens
        return within or not self.texts

    def check(self, texts: int = 1, tokens: int = 0) -> None:
        """Raise Overloaded unless there is room for so much."""
        if not self.has_room(texts, tokens):
            raise self.overloaded(texts, tokens)

    def overloaded(self, texts: int = 1, tokens: int = 0) -> Overloaded:
        """What is said where there is no room for so much."""
        if self.texts + texts > self._max_texts:
            message = f"{self.texts} texts are under way or waiting, and no more are taken on"
        else:
            message = f"{self.tokens} tokens are under way or waiting; {tokens} more are too many now"
        return Overloaded(message, self.seconds)

    @contextmanager
    def place(self, texts: int = 1, tokens: int = 0) -> Iterator[None]:
        """Room for so much while the block lasts. Raises Overloaded where there is none."""
        self.check(texts, tokens)
        self._speed.begin(idle=not self.texts)
        self.texts += texts
        done = 0
        try:
            with self.work(tokens):
                yield
            done = texts
        finally:
            self.texts -= texts
            self._speed.end(done)

    @contextmanager
    def work(self, tokens: int) -> Iterator[None]:
        """So many tokens more while the block lasts, for one who has a place."""
        self.tokens += tokens
        try:
            yield
        finally:
            self.tokens -= tokens

    @property
    def seconds(self) -> float:
        """About how long it will take until all that is under way and waits has been done."""
        return self.texts * self._speed.seconds_a_text


class _Speed:
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
        fading = math.exp(-elapsed / HORIZON_SECONDS)
        self._texts = self._texts * fading + texts
        self._seconds = self._seconds * fading + elapsed

    @property
    def seconds_a_text(self) -> float:
        return self._seconds / self._texts if self._texts else FIRST_SECONDS
