"""Reader for models that score a token in microseconds, such as n-gram models: `DirectReader`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.language_model import LanguageModel
from models.state import State
from nextword.decoders.history import History, Reader


@dataclass(frozen=True, slots=True)
class StateHistory(History):
    """A history known by its state: those of an n-gram model are equal where no context tells them apart.

    key: the bytes of the state.
    """

    key: bytes
    is_empty: bool
    state: State = field(compare=False, repr=False)


class DirectReader(Reader):
    """Reader that asks the model for each text it is asked for; nothing is remembered.

    A word takes some 15 us with an n-gram model.
    """

    def __init__(self, model: LanguageModel, *, bos: bool = True) -> None:
        """Read texts with `model`; `bos`: they begin after the boundary token."""
        self._model = model
        self._begin = _history(model.initial_state(1, bos=bos), is_empty=True)

    def begin(self) -> StateHistory:
        """Return the history of an empty text."""
        return self._begin

    def read(self, history: History, ids: Sequence[int]) -> tuple[float, StateHistory]:
        """Return log P in nats of token `ids` [T] after `history`, and the history after them."""
        assert isinstance(history, StateHistory)
        if not ids:
            return 0.0, history
        scores, after = self._model.score(history.state, np.array([ids], np.int64))
        return float(scores.sum()), _history(after)


def _history(state: State, *, is_empty: bool = False) -> StateHistory:
    return StateHistory(_state_bytes(state), is_empty, state)


def _state_bytes(state: State) -> bytes:
    """Return the numbers of a one-row state as bytes, which are equal where all numbers are."""
    return b"".join(map(_state_bytes, state)) if isinstance(state, tuple) else state.tobytes()
