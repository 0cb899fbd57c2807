"""Exact search along a line of weights for the fewest errors (Och 2003, section 4).

While one weight x moves, the total of each hypothesis is a line in x. The best hypothesis of a list is the upper
envelope of its lines, so errors change at few crossings only, and are constant in between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.utils.arrays import BoolArray, Float64Array, Int64Array

SEARCH_LIMIT = 1e5
"""Largest weight that is looked at, of either sign."""
_NARROW = 1e-9
"""Width of an interval, relative to where it lies, below which rounding decides."""


class BestPoint(NamedTuple):
    """The weight with the fewest errors, in the middle of the widest interval that has so few."""

    weight: float
    errors: int


def best_point(intercepts: Float64Array, slopes: Float64Array, errors: Int64Array) -> BestPoint | None:
    """Find the weight x with the fewest errors of the best hypotheses by `intercepts + x * slopes` [L, N].

    `errors` [L, N] are those of each hypothesis. A place without a hypothesis has the intercept -inf. None where x
    changes nothing.

    >>> best_point(np.array([[0.0, -2.0]]), np.array([[0.0, 1.0]]), np.array([[3, 1]]))
    BestPoint(weight=3.0, errors=1)
    """
    first, positions, changes = _walk(intercepts, slopes, errors)
    edges, where = np.unique(positions, return_inverse=True)
    steps = np.zeros(len(edges), np.int64)
    np.add.at(steps, where, changes)
    edges, steps = edges[steps != 0], steps[steps != 0]
    if not len(edges):
        return None
    counts = first + np.concatenate([[0], np.cumsum(steps)])
    begins, ends = np.append(_outside(edges[0], -1), edges), np.append(edges, _outside(edges[-1], 1))
    widths = ends - begins
    counts[widths <= _NARROW * np.abs(ends)] = np.iinfo(np.int64).max
    index = np.lexsort((-widths, counts))[0]
    return BestPoint(float(begins[index] + ends[index]) / 2, int(counts[index]))


def _outside(edge: float, sign: int) -> float:
    """Return the far end of an unbounded interval, as far beyond the last crossing as that is from zero."""
    return edge + sign * (abs(edge) or 2.0)


def _walk(intercepts: Float64Array, slopes: Float64Array, errors: Int64Array) -> tuple[int, Float64Array, Int64Array]:
    """Walk along the upper envelopes of all lists at once, from -SEARCH_LIMIT to SEARCH_LIMIT.

    Returns the errors at the start, where the best hypothesis of a list changes [P], and by how many errors [P]. Each
    step takes every list to its next crossing, so there are as many as the longest envelope has corners.
    """
    rows = np.arange(len(errors))
    totals = intercepts - SEARCH_LIMIT * slopes
    best = _steepest(totals == totals.max(1, keepdims=True), slopes)
    first, position = int(errors[rows, best].sum()), np.full(len(rows), -SEARCH_LIMIT)
    positions, changes = [np.empty(0)], [np.empty(0, np.int64)]
    while len(rows):
        rises = slopes[rows] - slopes[rows, best][:, None]
        gaps = intercepts[rows, best][:, None] - intercepts[rows]
        crossings = np.divide(gaps, rises, out=np.full(rises.shape, np.inf), where=rises > 0)
        nearest = crossings.min(1)
        following = _steepest(crossings <= nearest[:, None], slopes[rows])
        goes_on = nearest < SEARCH_LIMIT
        rows, best, following = rows[goes_on], best[goes_on], following[goes_on]
        position = np.maximum(position[goes_on], nearest[goes_on])  # rounding never leads back
        positions.append(position)
        changes.append(errors[rows, following] - errors[rows, best])
        best = following
    return first, np.concatenate(positions), np.concatenate(changes)


def _steepest(candidates: BoolArray, slopes: Float64Array) -> Int64Array:
    """Return the candidate of each row with the largest slope, the first of equal ones."""
    places: Int64Array = np.where(candidates, slopes, -np.inf).argmax(1)
    return places
