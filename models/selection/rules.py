"""Rules of which records are kept, by their figures: limits, percentiles, and head, middle and tail.

`make_rule` returns a rule that decides at once, or None where all figures must be known first; `fit_rule` then finds
its limits. Percentiles are those of `numpy.percentile`, interpolated linearly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.selection.config import ANY_LABEL, BUCKETS, SelectionConfig
from models.utils.arrays import Float64Array, Int32Array

DROPPED = -1
"""Place of a record that is not kept."""
Decisions = NDArray[np.int8]


@dataclass(frozen=True)
class Rule:
    """Limits of figures, by label, ANY_LABEL for those that have none of their own; others are dropped.

    With buckets a record goes to the first, second or third, as its figure is below both limits, below one or neither;
    without, it is kept where its figure is from the first limit to the second.
    """

    limits: Mapping[str, tuple[float, float]]
    buckets: tuple[str, ...] = ()
    """Names of the buckets that are kept; none for a rule without."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the places where records are put."""
        return BUCKETS if self.buckets else ("kept",)

    def decide(self, figures: Float64Array, groups: Int32Array, labels: Sequence[str]) -> Decisions:
        """Return the place of each record [N] among `names`, or DROPPED.

        >>> rule = Rule({"*": (2.0, 3.0)})
        >>> rule.decide(np.array([1.0, 2.0, 3.5, np.nan]), np.zeros(4, np.int32), [""]).tolist()
        [-1, 0, -1, -1]
        """
        table = np.array([self.limits.get(label, self.limits.get(ANY_LABEL, (np.nan, np.nan))) for label in labels])
        low, high = table[groups].T
        if not self.buckets:
            return np.where((figures >= low) & (figures <= high), 0, DROPPED).astype(np.int8)
        places = (figures >= low).astype(np.int8) + (figures >= high)
        is_kept = np.array([name in self.buckets for name in BUCKETS])[places]
        return np.where(is_kept & ~np.isnan(figures) & ~np.isnan(low), places, DROPPED).astype(np.int8)

    def content(self) -> dict[str, Any]:
        """Return the limits by label as JSON content; None for one that is not finite."""
        return {label: [x if math.isfinite(x) else None for x in pair] for label, pair in self.limits.items()}


def make_rule(config: SelectionConfig) -> Rule | None:
    """Return the rule of a configuration, or None where percentiles have to be found first."""
    if config.cutoffs:
        return Rule({label: (row[0], row[1]) for label, row in config.cutoffs.items()}, config.kept_buckets)
    if {"lowest", "highest", "percentiles"}.intersection(config.rules):
        return None
    low = -math.inf if config.min is None else config.min
    return Rule({ANY_LABEL: (low, math.inf if config.max is None else config.max)})


def fit_rule(config: SelectionConfig, figures: Float64Array, groups: Int32Array, labels: Sequence[str]) -> Rule:
    """Return the rule of a configuration with percentiles, found for each label by itself."""
    limits: dict[str, tuple[float, float]] = {}
    for group in np.unique(groups).tolist():
        values = figures[(groups == group) & ~np.isnan(figures)]
        if len(values):
            limits[labels[group] or ANY_LABEL] = _find_limits(config, values)
    return Rule(limits, config.kept_buckets)


def _find_limits(config: SelectionConfig, values: Float64Array) -> tuple[float, float]:
    if config.lowest is not None:
        return -math.inf, percentile(values, config.lowest)
    if config.highest is not None:
        return percentile(values, 100 - config.highest), math.inf
    first, second = (percentile(values, each) for each in config.percentiles)
    return first, second


def percentile(values: Float64Array, percentage: float) -> float:
    """Return a percentile of some numbers, of which some may be infinite.

    >>> percentile(np.array([1.0, 2.0, np.inf]), 25)
    1.5
    """
    with np.errstate(invalid="ignore"):
        found = float(np.percentile(values, percentage))
    return math.inf if math.isnan(found) else found
