"""The training text as parallel streams: which tokens each row of a batch reads next, and when it begins anew.

It knows token ids and positions. It does not know vectors: it says which rows begin anew, others zero their states.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.special_tokens import EOS

TokenIds = NDArray[np.integer]


class BpttBatch(NamedTuple):
    """What every stream reads in one step of truncated back-propagation through time."""

    inputs: Tensor
    """[B, T] int64; continues where the row's last window ended, or begins with `</s>` where the row is fresh."""
    targets: Tensor
    """[B, T] int64; the token after each input."""
    reset: Tensor
    """[B] bool; these rows begin anew: from blank vectors, reading `</s>` first, which is a model's start state."""


class BpttStreams:
    """Cursors that go round one text, laid as a ring, at equal distances.

    A fresh row goes back to the start of the line it is in, so that it reads what a model reads that is given a
    sentence of its own: the start state, then the line from its first token.
    """

    def __init__(self, tokens: TokenIds, count: int, text_starts: TokenIds | None = None) -> None:
        """`starts`: ascending positions in `tokens` at which a text may begin; by default those after a `</s>`."""
        self._tokens = tokens
        self._text_starts = np.flatnonzero(np.roll(tokens, 1) == EOS) if text_starts is None else text_starts
        self._reset_all = True
        self.positions = np.arange(count, dtype=np.int64) * len(tokens) // count
        """[B]: the next token each row has to predict; all there is to save, once a window has been read."""
        # Of a line longer than the distance between rows, several rows would read the same.
        back = self._nearest_text_starts(len(tokens) / count)
        self.positions = np.where(back >= 0, back, self.positions)

    def next_batch(self, length: int, reset_rate: float, generator: torch.Generator) -> BpttBatch:
        """The next `length` tokens of every row, each row beginning anew with probability `reset_rate`.

        A row in the midst of a line longer than `length` tokens does not.
        """
        drawn = torch.rand(len(self.positions), generator=generator).numpy() < reset_rate
        back = self._nearest_text_starts(length)
        fresh = (back >= 0) & drawn
        self.positions = np.where(fresh, back, self.positions)
        if self._reset_all:
            fresh, self._reset_all = np.ones_like(fresh), False
        return self._read_batch(length, fresh)

    def restore(self, positions: NDArray[np.int64]) -> None:
        """Go on from saved positions."""
        self.positions, self._reset_all = positions, False

    def _read_batch(self, length: int, fresh: NDArray[np.bool_]) -> BpttBatch:
        """The tokens from one before each position on; the positions move behind them."""
        read = self.positions[:, None] + np.arange(-1, length)
        tokens = self._tokens[read % len(self._tokens)].astype(np.int64)
        tokens[fresh, 0] = EOS
        self.positions = (self.positions + length) % len(self._tokens)
        inputs, targets = torch.from_numpy(tokens[:, :-1].copy()), torch.from_numpy(tokens[:, 1:].copy())
        return BpttBatch(inputs, targets, torch.from_numpy(fresh))

    def _nearest_text_starts(self, within: float) -> NDArray[np.int64]:
        """[B]: where the line of each position starts; -1 where none starts less than so many tokens before it."""
        index = np.searchsorted(self._text_starts, self.positions, side="right") - 1
        if not len(self._text_starts):
            return np.full_like(self.positions, -1)
        back = self._text_starts[index]
        return np.where((index >= 0) & (self.positions - back < within), back, -1).astype(np.int64)
