"""Batches of examples of similar length, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BATCHES_PER_POOL = 40
"""Batches whose examples are sorted by length together: more waste less on padding, fewer mix better."""


class LengthBatches:
    """Rows of examples for each step; nothing of it need be saved to resume.

    Each epoch shuffles the examples, sorts pools of some forty batches by length, cuts them into batches, and shuffles
    those.

    >>> batches = LengthBatches(np.array([5, 1, 4, 2]), batch_size=2, seed=1)
    >>> batches.steps_per_epoch
    2
    >>> sorted(np.concatenate([batches.rows(0), batches.rows(1)]).tolist())
    [0, 1, 2, 3]
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed = lengths, batch_size, seed
        self.steps_per_epoch = -(-len(lengths) // batch_size)
        self._epoch, self._batches = -1, list[NDArray[np.int64]]()

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the rows of the examples of step 0, 1, ..."""
        epoch, batch = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._shuffle(epoch)
        return self._batches[batch]

    def _shuffle(self, epoch: int) -> list[NDArray[np.int64]]:
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(len(self._lengths))
        pool = self._batch_size * _BATCHES_PER_POOL
        for begin in range(0, len(order), pool):
            rows = order[begin : begin + pool]
            order[begin : begin + pool] = rows[np.argsort(self._lengths[rows], kind="stable")]
        batches = [order[begin : begin + self._batch_size] for begin in range(0, len(order), self._batch_size)]
        random.shuffle(batches)
        return batches
