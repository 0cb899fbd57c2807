"""Batches for truncated back-propagation through time: training text as parallel streams."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.special_tokens import EOS

TokenIds = NDArray[np.integer]
_ALL_ROWS = slice(None)


class BpttBatch(NamedTuple):
    """Tokens that every stream reads in one step of truncated back-propagation through time."""

    inputs: Tensor
    """[B, T] int64; continue where the row's last batch ended, or begin with `</s>` where the row is reset."""
    targets: Tensor
    """[B, T] int64; the token after each input."""
    reset: Tensor
    """[B] bool; rows that start anew from the null state and read `</s>` first, as a model's begin state has."""


class BpttStreams:
    """Cursors that go round one text, laid as a ring, at equal distances: one for each row of a batch.

    A row that is reset goes back to the start of its line, so that it reads what a model reads that is given a
    sentence of its own: the begin state, then the line from its first token.

    >>> streams = BpttStreams(np.array([5, 6, 1, 7, 8, 1]), count=2)
    >>> batch = streams.next_batch(2, reset_rate=0.0, generator=torch.Generator())
    >>> batch.inputs.tolist(), batch.targets.tolist()
    ([[1, 5], [1, 7]], [[5, 6], [7, 8]])
    """

    def __init__(
        self, tokens: TokenIds, count: int, text_starts: TokenIds | None = None, rows: slice = _ALL_ROWS
    ) -> None:
        """Lay `count` cursors over `tokens`; texts begin at ascending `text_starts`, by default after `</s>`.

        Only those of `rows` are read here; other processes may read the others.
        """
        self._tokens = tokens
        self._text_starts = np.flatnonzero(np.roll(tokens, 1) == EOS) if text_starts is None else text_starts
        self._reset_all = True
        self.positions = np.arange(count, dtype=np.int64) * len(tokens) // count
        """[B]: position of the next token each row has to predict. Once a batch was read, all there is to save."""
        # In a line longer than the distance between rows several rows would read the same, so they stay where they are.
        starts = self._nearest_text_starts(len(tokens) / count)
        self.positions = np.where(starts >= 0, starts, self.positions)[rows]

    def next_batch(self, length: int, reset_rate: float, generator: torch.Generator) -> BpttBatch:
        """Return the next `length` tokens of every row, each row being reset with probability `reset_rate`.

        A row that is more than `length` tokens into its line is not reset.
        """
        drawn = torch.rand(len(self.positions), generator=generator).numpy() < reset_rate
        starts = self._nearest_text_starts(length)
        reset = (starts >= 0) & drawn
        self.positions = np.where(reset, starts, self.positions)
        if self._reset_all:
            reset, self._reset_all = np.ones_like(reset), False
        return self._read_batch(length, reset)

    def restore(self, positions: NDArray[np.int64]) -> None:
        """Go on from saved `positions`. Raises ValueError for those of other streams."""
        if positions.shape != self.positions.shape or positions.dtype != self.positions.dtype:
            raise ValueError("its positions are not those of these streams")
        self.positions, self._reset_all = positions, False

    def _read_batch(self, length: int, reset: NDArray[np.bool_]) -> BpttBatch:
        """Return the tokens from one before each position on, and move the positions behind them."""
        places = self.positions[:, None] + np.arange(-1, length)
        tokens = self._tokens[places % len(self._tokens)].astype(np.int64)
        tokens[reset, 0] = EOS
        self.positions = (self.positions + length) % len(self._tokens)
        inputs, targets = torch.from_numpy(tokens[:, :-1].copy()), torch.from_numpy(tokens[:, 1:].copy())
        return BpttBatch(inputs, targets, torch.from_numpy(reset))

    def _nearest_text_starts(self, within: float) -> NDArray[np.int64]:
        """Return where the text at each position starts [B]; -1 where that is `within` tokens away or more."""
        if not len(self._text_starts):
            return np.full_like(self.positions, -1)
        index = np.searchsorted(self._text_starts, self.positions, side="right") - 1
        starts = self._text_starts[index]
        return np.where((index >= 0) & (self.positions - starts < within), starts, -1).astype(np.int64)
