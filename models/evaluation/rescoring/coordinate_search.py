"""Search for weights with few errors on n-best lists, one weight after the other, from several starts."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluation.rescoring.line_search import best_point
from models.utils.arrays import BoolArray, Float64Array, Int64Array
from models.utils.progress import Progress

RANDOM_STARTS = 10
"""Starts beside that of the lists' own order: errors have many local minima along single weights."""
_DIGITS = 6
"""Digits of a weight that are told."""


@dataclass(frozen=True)
class NbestFeatures:
    """Figures and errors of the hypotheses of L n-best lists, padded to the longest.

    values: [L, N, K] summands of a total before they are weighed; the recogniser's own score is the first.
    errors: [L, N] errors of each hypothesis.
    inside: [L, N] which places hold a hypothesis.

    >>> features = NbestFeatures(np.array([[[1.0, 0.0], [0.0, 2.0]]]), np.array([[1, 0]]), np.ones((1, 2), bool))
    >>> features.error_count(np.array([1.0, 0.0])), features.error_count(np.array([1.0, 1.0])), features.oracle_errors
    (1, 0, 0)
    """

    values: Float64Array
    errors: Int64Array
    inside: BoolArray

    def totals(self, weights: Float64Array) -> Float64Array:
        """Return the total [L, N] of each hypothesis, -inf where there is none."""
        return np.where(self.inside, self.values @ weights, -np.inf)

    def error_count(self, weights: Float64Array) -> int:
        """Return the errors of the best hypotheses of all lists; of equal totals the first counts."""
        best = self.totals(weights).argmax(1)
        return int(self.errors[np.arange(len(best)), best].sum())

    @property
    def oracle_errors(self) -> int:
        """Errors of the hypotheses that have the fewest."""
        return int(np.where(self.inside, self.errors, np.iinfo(np.int64).max).min(1).sum())

    @property
    def scales(self) -> Float64Array:
        """Weights [K] at which values differ within lists as the own score does; 0 where they never do."""
        inside = self.inside[..., None]
        means = self.values.sum(1, keepdims=True, where=inside) / inside.sum(1, keepdims=True)
        spread = np.sqrt(((self.values - means) ** 2).sum((0, 1), where=inside))
        scales: Float64Array = np.divide(spread[0] or 1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        return scales

    def select(self, lists: Sequence[int] | Int64Array) -> NbestFeatures:
        """Return the features of some of the lists."""
        rows = np.asarray(lists)
        return NbestFeatures(self.values[rows], self.errors[rows], self.inside[rows])


def search_weights(features: NbestFeatures, phase: str = "tuning") -> Generator[Progress, None, Float64Array]:
    """Find weights [K] with few errors, always the same, of which the first is 1; yields after each start.

    The first start is the lists' own order; the others are drawn, each weight at its scale. The best result is
    returned, the first of equal ones.
    """
    rng = np.random.default_rng(0)
    starts = [np.zeros(features.values.shape[2])]
    starts += [rng.standard_normal(len(starts[0])) * features.scales for _ in range(RANDOM_STARTS)]
    results = []
    for start in starts:
        start[0] = 1.0
        results.append(_descend(features, start))
        yield Progress(phase, len(results), len(starts))
    return min(results, key=features.error_count)


def _descend(features: NbestFeatures, weights: Float64Array) -> Float64Array:
    """Move one weight after the other to where errors are fewest, until none helps."""
    fewest, weights = features.error_count(weights), weights.copy()
    is_better = True
    while is_better:
        is_better = False
        for k in range(1, len(weights)):
            moved = _move(features, weights, k)
            errors = features.error_count(moved)
            if errors < fewest:
                fewest, weights, is_better = errors, moved, True
    return weights


def _move(features: NbestFeatures, weights: Float64Array, k: int) -> Float64Array:
    """Return the weights with weight k where errors are fewest."""
    rest = weights.copy()
    rest[k] = 0.0
    found = best_point(features.totals(rest), features.values[..., k], features.errors)
    rest[k] = weights[k] if found is None else float(f"{found.weight:.{_DIGITS}g}")
    return rest
