"""One token of each row of log-probabilities: the best or one drawn, compiled, a row a turn of a team of threads.

It knows rows, temperatures and random numbers. It does not know why a token is excluded (its log P is -inf then), nor
filters (`sampling`). What is chosen of a row does not depend on the rows beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from models import team
from models.cells import exp
from models.compiled import Int, compiled
from models.instructions import count_up, pointer
from models.team import TEAM

IMPOSSIBLE = -1
"""Chosen where every token is excluded or has no probability."""
BROKEN = -2
"""Chosen where a number is NaN or infinity: this is no distribution."""

CHOICE = np.dtype([*TEAM, *((n, np.int64) for n in ("count", "width", "rows", "temperatures", "numbers", "chosen"))])
"""Rows [B, V], a temperature and a number for each [B], and room for what is chosen [B]: addresses of arrays."""

_BLOCK = 256
_COST = 10
"""Of a number, in multiply-adds."""
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
    kinds = zip((rows, temperatures, numbers), (np.float32, np.float32, np.float64), strict=True)
    given, chosen = [np.ascontiguousarray(each, kind) for each, kind in kinds], np.empty(len(rows), np.int64)
    places = (each.ctypes.data for each in (*given, chosen))
    team.run(choosing, np.array([(*team.ALONE, *rows.shape, *places)], CHOICE), _COST * rows.size)
    return chosen


def choosing(address: Any) -> None:
    """Compute a CHOICE."""
    call = carray(address, 1, CHOICE)[0]
    rows = carray(pointer(call.rows), (call.count, call.width), np.float32)
    temperatures = carray(pointer(call.temperatures), call.count, np.float32)
    numbers = carray(pointer(call.numbers), call.count, np.float64)
    chosen = carray(pointer(call.chosen), call.count, np.int64)
    room = np.empty(-(-call.width // _BLOCK)), np.empty(_BLOCK, np.float32), np.empty(_BLOCK // 2, np.float32)
    b = count_up(address)
    while b < call.count:
        chosen[b] = _choose(rows[b], temperatures[b], numbers[b], room)
        b = count_up(address)


@compiled
def _choose(row: Any, temperature: Any, number: Any, room: Any) -> Int:
    lowest, highest = _bounds(row)
    if lowest < _MINUS_INFINITY or highest >= _INFINITY:
        return BROKEN
    if highest == _MINUS_INFINITY:
        return IMPOSSIBLE
    if temperature == 0:
        return _first(row, _float(highest))
    return _draw(row, _float(highest), temperature, number, room)


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
def _draw(row: Any, best: Any, temperature: Any, number: Any, room: Any) -> Int:
    """By blocks first, so that no running sum over the whole row is needed.

    Sums of blocks are added in double precision: in single, ten thousand small terms would shift the tail.
    """
    sums, weights, added = room
    total = 0.0
    for i in range(len(sums)):
        sums[i] = _weigh(row, i * _BLOCK, best, temperature, weights, added)
        total += sums[i]
    point, block, before = number * total, 0, 0.0
    for i in range(len(sums)):
        if sums[i] > 0:  # by rounding, the point may lie beyond the last block that has any mass
            block = i
            if before + sums[i] > point:
                break
            before += sums[i]
    _weigh(row, block * _BLOCK, best, temperature, weights, added)
    return block * _BLOCK + _place(weights, point - before)


@compiled
def _weigh(row: Any, begin: Any, best: Any, temperature: Any, weights: Any, added: Any) -> Any:
    """Write the weights of a block, best being 1, and return their sum.

    They are added in pairs, pairs of pairs and so on, in vectors and the same on every processor.
    """
    count = min(_BLOCK, len(row) - begin)
    for j in range(count):
        distance = (row[begin + j] - best) / temperature
        weight = exp(distance)
        weights[j] = weight if distance > _NEVER else np.float32(0)
    for j in range(count, _BLOCK):
        weights[j] = 0
    half = _BLOCK // 2
    for j in range(half):
        added[j] = weights[j] + weights[half + j]
    while half > 1:
        half //= 2
        for j in range(half):
            added[j] += added[half + j]
    return added[0]


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
