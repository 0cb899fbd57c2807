"""Linear chains in NumPy: their best sequence of states, and probabilities of states.

A chain gives each sequence of states a score, the sum of one number for each state and its predecessor; a sequence's
probability is proportional to the exponential of its score. The tags of a conditional random field are such a chain,
and so are the tags, or pairs of tags, of a hidden Markov model. Everything is in the logarithm, so that nothing
underflows, and a score of minus infinity rules a state or a step out.

A long chain takes a while: `Chain.compute` is a generator that pauses in between.

States may be pairs, numbered row by row: the step from a pair (a, b) to a pair (b, c) is one of A B C numbers, where
steps between any two pairs would take A B B C.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from models.utils.arrays import Float64Array, Int64Array
from models.utils.progress import run_to_completion

PAUSE_SCORES = 200_000
"""Scores of steps between two pauses, about 10 milliseconds."""
_STEP_SCORES = 500
"""Scores that take as long as the calls of NumPy that each step needs."""


class ComputedSteps(Sequence[Float64Array]):
    """Scores of the steps of a chain, computed when they are asked for: all at once would fill gigabytes.

    >>> steps = ComputedSteps(3, lambda k: np.full((1, 1), float(k)))
    >>> len(steps), steps[-1].item(), [step.item() for step in reversed(steps)]
    (3, 2.0, [2.0, 1.0, 0.0])
    """

    def __init__(self, count: int, compute: Callable[[int], Float64Array]) -> None:
        """Have `count` steps; `compute` returns the scores of step 0, 1, ..."""
        self._numbers, self._compute = range(count), compute

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Float64Array: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Float64Array]: ...

    def __getitem__(self, index: int | slice) -> Float64Array | Sequence[Float64Array]:
        if isinstance(index, slice):
            return [self._compute(k) for k in self._numbers[index]]
        return self._compute(self._numbers[index])


class Chain:
    """A distribution of sequences of states; positions may have different states.

    Scores of states are [S], or [A, B] where they are pairs; those of steps [S, S'], or [A, B, C].

    >>> chain = Chain(np.log([0.5, 0.5]), [np.log([[0.9, 0.1], [0.2, 0.8]])])
    >>> chain.best_path().tolist()
    [0, 0]
    >>> np.exp(chain.marginals()[1]).round(2)
    array([0.55, 0.45])
    """

    def __init__(self, start: Float64Array, steps: Sequence[Float64Array]) -> None:
        """Hold the scores of the first state, and those of each step to the next one."""
        self._start, self._steps = start, steps

    def compute(self) -> Generator[int, None, None]:
        """Compute what the other methods need, and else compute at once; yields 0, so that other work can run."""
        self._path = yield from self._find_path()
        self._forward = yield from self._sum_forward()
        self._backward = yield from self._sum_backward()

    def best_path(self) -> Int64Array:
        """Return the most probable sequence of states [T] (Viterbi 1967); of equal ones, the first."""
        return self._path

    @cached_property
    def log_total(self) -> float:
        """Logarithm of the sum of the exponentials of all scores."""
        return float(np.logaddexp.reduce(self._forward[-1].ravel()))

    def marginals(self) -> list[Float64Array]:
        """Return log-probabilities [S] of the states at each position."""
        pairs = zip(self._forward, self._backward, strict=True)
        return [(before + after).ravel() - self.log_total for before, after in pairs]

    def log_probability(self, begin: int, allowed: Sequence[NDArray[np.bool_]]) -> float:
        """Return log P of all sequences whose states from `begin` on are `allowed`, a mask [S] a position."""
        scores = _mask(self._forward[begin], allowed[0])
        for k, mask in enumerate(allowed[1:], begin):
            scores = _mask(np.logaddexp.reduce(scores[..., None] + self._steps[k], 0), mask)
        after = self._backward[begin + len(allowed) - 1]
        return float(np.logaddexp.reduce((scores + after).ravel())) - self.log_total

    @cached_property
    def _path(self) -> Int64Array:
        return run_to_completion(self._find_path())

    @cached_property
    def _forward(self) -> list[Float64Array]:
        """Scores of all that ends in a state, at each position."""
        return run_to_completion(self._sum_forward())

    @cached_property
    def _backward(self) -> list[Float64Array]:
        """Scores of all that follows a state, at each position."""
        return run_to_completion(self._sum_backward())

    def _find_path(self) -> Generator[int, None, Int64Array]:
        best, sources, shapes = self._start, [], [self._start.shape]
        for step, pauses in _paced(self._steps):
            scores = best[..., None] + step
            sources.append(scores.argmax(0))
            best = scores.max(0)
            shapes.append(best.shape)
            if pauses:
                yield 0
        path = [tuple(map(int, np.unravel_index(best.argmax(), best.shape)))]
        for source in reversed(sources):
            path.append((int(source[path[-1]]), *path[-1][:-1]))
        return np.array([np.ravel_multi_index(s, n) for s, n in zip(path[::-1], shapes, strict=True)], np.int64)

    def _sum_forward(self) -> Generator[int, None, list[Float64Array]]:
        scores = [self._start]
        for step, pauses in _paced(self._steps):
            scores.append(np.logaddexp.reduce(scores[-1][..., None] + step, 0))
            if pauses:
                yield 0
        return scores

    def _sum_backward(self) -> Generator[int, None, list[Float64Array]]:
        scores = [np.zeros(self._steps[-1].shape[1:] if self._steps else self._start.shape)]
        for step, pauses in _paced(reversed(self._steps)):
            scores.append(np.logaddexp.reduce(step + scores[-1], -1))
            if pauses:
                yield 0
        return scores[::-1]


def _paced(steps: Iterable[Float64Array]) -> Iterator[tuple[Float64Array, bool]]:
    """Yield steps, and whether it is time for a pause behind each."""
    scores = 0
    for step in steps:
        scores += step.size + _STEP_SCORES
        yield step, scores >= PAUSE_SCORES
        scores %= PAUSE_SCORES


def _mask(scores: Float64Array, allowed: NDArray[np.bool_]) -> Float64Array:
    """Return scores with minus infinity for states that are not allowed, by their numbers."""
    return np.where(allowed.reshape(scores.shape), scores, -np.inf)
