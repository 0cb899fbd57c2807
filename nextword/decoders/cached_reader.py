"""Reader for models to which a distribution is dear, such as recurrent ones: `CachedReader`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from models.language_model import LanguageModel
from models.model import Floats
from models.state import State
from nextword.decoders.history import History, Reader

CACHED_ROWS = 1024
"""Histories whose distribution is kept: 40 MB for 10,000 tokens. Fewer cost time where a decoder comes back to them."""


class TreeHistory(History):
    """A node of the tree of all texts that were read: equal only to itself, as each text has one.

    State and distribution are computed when they are first asked for: of the many words that a decoder tries, few
    survive to be continued.
    """

    __slots__ = ("children", "is_empty", "parent", "row", "state", "token")

    def __init__(self, parent: TreeHistory | None = None, token: int = -1) -> None:
        self.is_empty = parent is None
        self.parent = parent
        self.token = token
        self.children: dict[int, TreeHistory] | None = None
        self.state: State | None = None
        self.row: Floats | None = None

    def child(self, token: int) -> TreeHistory:
        """Return the history after one more token."""
        if self.children is None:
            self.children = {}
        return self.children.get(token) or self.children.setdefault(token, TreeHistory(self, token))


class CachedReader(Reader):
    """Reader that computes the distribution after a history once, whatever is asked for after it.

    A token after a history that was continued before is looked up, in less than a microsecond. The first one costs a
    step of the model and one softmax. State and distribution of the histories that were used least recently are
    forgotten, and computed anew from those before them.
    """

    def __init__(self, model: LanguageModel, *, bos: bool = True, cached_rows: int = CACHED_ROWS) -> None:
        """Read texts with `model`; `bos`: they begin after the boundary token."""
        self._model = model
        self._cached_rows = cached_rows
        self._begin_state = model.initial_state(1, bos=bos)
        self._recent: OrderedDict[TreeHistory, None] = OrderedDict()

    def begin(self) -> TreeHistory:
        """Return the history of an empty text; those of before stay usable, and are computed anew."""
        while self._recent:
            _forget(self._recent.popitem()[0])
        root = TreeHistory()
        root.state = self._begin_state
        return root

    def read(self, history: History, ids: Sequence[int]) -> tuple[float, TreeHistory]:
        """Return log P in nats of token `ids` [T] after `history`, and the history after them."""
        assert isinstance(history, TreeHistory)
        logprob = 0.0
        for token in ids:
            logprob += float(self._row(history)[token])
            history = history.child(token)
        return logprob, history

    def _row(self, history: TreeHistory) -> Floats:
        """Return the distribution [V] after a history."""
        if history.row is None:
            history.state = self._state(history)
            history.row = self._model.logprobs(history.state)[0]
            if len(self._recent) >= self._cached_rows:
                _forget(self._recent.popitem(last=False)[0])
        self._recent[history] = None
        self._recent.move_to_end(history)
        return history.row

    def _state(self, history: TreeHistory) -> State:
        """Return the state after a history, from the nearest one before it that has one."""
        ids, known = [], history
        while known.state is None:
            assert known.parent is not None  # the first history of a text keeps its state
            ids.append(known.token)
            known = known.parent
        return self._model.advance(known.state, np.array([ids[::-1]], np.int64)) if ids else known.state


def _forget(history: TreeHistory) -> None:
    """Drop the distribution of a history, and its state unless it is the first."""
    history.row = None
    if history.parent is not None:
        history.state = None
