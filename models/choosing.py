"""One token of each row of log-probabilities: the best or one drawn, compiled, a row at a time.

It knows rows, temperatures and random numbers. It does not know why a token is excluded (its log P is -inf then), nor
filters (`sampling`). What is chosen of a row does not depend on the rows beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cells import exp
from models.compiled import Int, compiled

IMPOSSIBLE = -1
"""Chosen where every token is excluded or has no probability."""
BROKEN = -2
"""Chosen where a number is NaN or infinity: this is no distribution."""

_BLOCK = 256
_NEVER = np.float32(-80)
"""Less likely than the best one by so many nats, a token is never drawn: e ** -80 is beyond any random number."""
_INFINITY = np.int32(0x7F800000)
_MINUS_INFINITY = np.int32(-0x7F800001)
_MAGNITUDE = np.int32(0x7FFFFFFF)


def choose(
    rows: NDArray[np.float32], temperatures: NDArray[np.float32], numbers: NDArray[np.float64]
) -> NDArray[np.int64]:
    """A token [B] of each of the rows [B, V], or IMPOSSIBLE or BROKEN.

    At temperature 0 it is the best, of equals the lower one; else the one at `numbers` [B], 0 to 1, of the whole mass.
    """
    chosen = np.empty(len(rows), np.int64)
    sums, weights = np.empty(-(-rows.shape[1] // _BLOCK)), np.empty(_BLOCK, np.float32)
    _choose(rows, temperatures, numbers, sums, weights, chosen)
    return chosen


@compiled
def _choose(rows: Any, temperatures: Any, numbers: Any, sums: Any, weights: Any, chosen: Any) -> None:
    for b in range(len(rows)):
        lowest, highest = _bounds(rows[b])
        if lowest < _MINUS_INFINITY or highest >= _INFINITY:
            chosen[b] = BROKEN
        elif highest == _MINUS_INFINITY:
            chosen[b] = IMPOSSIBLE
        elif temperatures[b] == 0:
            chosen[b] = _first(rows[b], _float(highest))
        else:
            chosen[b] = _draw(rows[b], _float(highest), temperatures[b], numbers[b], sums, weights)


@compiled
def _bounds(row: Any) -> Any:
    """The smallest and the largest number, each as the whole number of its rank among all floats.

    Whole numbers because the compiler makes vectors of their comparisons, and because NaN is beyond the infinities.
    """
    lowest, highest = np.int32(_MAGNITUDE), np.int32(-_MAGNITUDE)
    for number in row:
        bits = np.float32(number).view(np.int32)
        rank = np.int32(bits ^ ((bits >> np.int32(31)) & _MAGNITUDE))
        lowest, highest = min(lowest, rank), max(highest, rank)
    return lowest, highest


@compiled
def _float(rank: Any) -> Any:
    return np.int32(rank ^ ((rank >> np.int32(31)) & _MAGNITUDE)).view(np.float32)


@compiled
def _first(row: Any, value: Any) -> Int:
    for j in range(len(row)):
        if row[j] == value:
            return j
    return BROKEN


@compiled
def _draw(row: Any, best: Any, temperature: Any, number: Any, sums: Any, weights: Any) -> Int:
    """By blocks first, so that no running sum over the whole row is needed.

    Sums run in double precision: in single, ten thousand small terms would shift the tail.
    """
    total = 0.0
    for i in range(len(sums)):
        sums[i] = _weigh(row, i * _BLOCK, best, temperature, weights)
        total += sums[i]
    point, block, before = number * total, 0, 0.0
    for i in range(len(sums)):
        if sums[i] > 0:  # by rounding, the point may lie beyond the last block that has any mass
            block = i
            if before + sums[i] > point:
                break
            before += sums[i]
    _weigh(row, block * _BLOCK, best, temperature, weights)
    return block * _BLOCK + _place(weights, point - before)


@compiled
def _weigh(row: Any, begin: Any, best: Any, temperature: Any, weights: Any) -> Any:
    """Write the weights of a block, best being 1, and return their sum."""
    count = min(_BLOCK, len(row) - begin)
    for j in range(count):
        distance = (row[begin + j] - best) / temperature
        weight = exp(distance)
        weights[j] = weight if distance > _NEVER else np.float32(0)
    for j in range(count, _BLOCK):
        weights[j] = 0
    even, odd = 0.0, 0.0
    for j in range(0, _BLOCK, 2):
        even += weights[j]
        odd += weights[j + 1]
    return even + odd


@compiled
def _place(weights: Any, point: Any) -> Int:
    """Where `point` falls: never on a weight of zero, nor, by rounding, beyond the last other one."""
    place, running = 0, 0.0
    for j in range(_BLOCK):
        if weights[j] > 0:
            place, running = j, running + weights[j]
            if running > point:
                break
    return place
