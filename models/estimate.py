"""Estimate: the probabilities and back-off weights that a smoothing makes of counts, before they become a table.

It knows the arrays every smoothing returns and the sum they all take; it does not know any smoothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.counts import Ints

Floats: TypeAlias = NDArray[np.float64]
Kept: TypeAlias = Sequence[NDArray[np.bool_]]
"""Per order, unigrams first, which n-grams stay in the table."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Probabilities, not logarithms, in the order of the rows of `Counts`."""

    probabilities: list[Floats]
    """Per order from 1, P(last word | the words before it) of each n-gram."""
    weights: list[Floats]
    """Per order from 0, the back-off weight of each context: what an unlisted word's lower-order share is times."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the estimation found, JSON-ready: discounts, orders without any."""


def sums(parent: Ints, values: Ints | Floats | NDArray[np.bool_], contexts: int) -> Floats:
    """The sum of `values` [rows] for each of `contexts`, zero for those without rows."""
    return np.bincount(parent, values, contexts).astype(np.float64, copy=False)
