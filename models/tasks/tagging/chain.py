"""Linear chains in NumPy: their best sequence of states, and probabilities of states.

A chain gives each sequence of states a score, the sum of one number for each state and its predecessor; a sequence's
probability is proportional to the exponential of its score. The tags of a conditional random field are such a chain,
and so are the tags, or pairs of tags, of a hidden Markov model. Everything is in the logarithm, so that nothing
underflows, and a score of minus infinity rules a state or a step out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.utils.arrays import Float64Array, Int64Array


class Chain:
    """A distribution of sequences of states; positions may have different states.

    >>> chain = Chain(np.log([0.5, 0.5]), [np.log([[0.9, 0.1], [0.2, 0.8]])])
    >>> chain.best_path().tolist()
    [0, 0]
    >>> np.exp(chain.marginals()[1]).round(2)
    array([0.55, 0.45])
    """

    def __init__(self, start: Float64Array, steps: Sequence[Float64Array]) -> None:
        """Hold the scores [S0] of the first state, and those [S, S'] of each step to the next one."""
        self._start, self._steps = start, steps

    def best_path(self) -> Int64Array:
        """Return the most probable sequence of states [T] (Viterbi 1967); of equal ones, the first."""
        best, sources = self._start, []
        for step in self._steps:
            scores = best[:, None] + step
            sources.append(scores.argmax(0))
            best = scores.max(0)
        path = [int(best.argmax())]
        for source in reversed(sources):
            path.append(int(source[path[-1]]))
        return np.array(path[::-1], np.int64)

    @cached_property
    def log_total(self) -> float:
        """Logarithm of the sum of the exponentials of all scores."""
        return float(np.logaddexp.reduce(self._forward[-1]))

    def marginals(self) -> list[Float64Array]:
        """Return log-probabilities [S] of the states at each position."""
        return [before + after - self.log_total for before, after in zip(self._forward, self._backward, strict=True)]

    def log_probability(self, begin: int, allowed: Sequence[NDArray[np.bool_]]) -> float:
        """Return log P of all sequences whose states from `begin` on are `allowed`, a mask [S] a position."""
        scores = _mask(self._forward[begin], allowed[0])
        for k, mask in enumerate(allowed[1:], begin):
            scores = _mask(np.logaddexp.reduce(scores[:, None] + self._steps[k], 0), mask)
        return float(np.logaddexp.reduce(scores + self._backward[begin + len(allowed) - 1])) - self.log_total

    @cached_property
    def _forward(self) -> list[Float64Array]:
        """Scores [S] of all that ends in a state, at each position."""
        scores = [self._start]
        for step in self._steps:
            scores.append(np.logaddexp.reduce(scores[-1][:, None] + step, 0))
        return scores

    @cached_property
    def _backward(self) -> list[Float64Array]:
        """Scores [S] of all that follows a state, at each position."""
        scores = [np.zeros(self._steps[-1].shape[1] if self._steps else len(self._start))]
        for step in reversed(self._steps):
            scores.append(np.logaddexp.reduce(step + scores[-1], 1))
        return scores[::-1]


def _mask(scores: Float64Array, allowed: NDArray[np.bool_]) -> Float64Array:
    """Return scores with minus infinity for states that are not allowed."""
    return np.where(allowed, scores, -np.inf)
