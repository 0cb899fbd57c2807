"""Texts that decoders extend: `History`, and `Reader`, which reads tokens after one.

Decoders ask for one word after one hypothesis at a time. A reader answers with as little work as the model allows:
`direct_reader` for models that score a token in microseconds, `cached_reader` for all others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from models.special_tokens import EOS


class History:
    """A text that was read: hashable and never changed; equal histories have equal futures."""

    __slots__ = ()

    is_empty: bool
    """Whether no token was read yet, beside the boundary."""


class Reader(ABC):
    """A language model that reads texts token by token, for one decoder at a time."""

    @abstractmethod
    def begin(self) -> History:
        """Return the history of an empty text; what is remembered of the texts before may be forgotten."""

    @abstractmethod
    def read(self, history: History, ids: Sequence[int]) -> tuple[float, History]:
        """Return log P in nats of token `ids` [T] after `history`, and the history after them."""

    def end(self, history: History) -> float:
        """Return log P in nats that the text ends after `history`."""
        return self.read(history, (EOS,))[0]
