"""Softmax over one row of numbers, compiled: its bounds, what each number weighs by blocks, log-probabilities.

It knows one row. It does not know batches, threads or what is drawn. Everything is added in the same order on every
processor.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from models.kernels.jit import compiled

_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)


_LOG2_E, _LN_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)


_MOST = np.float32(126)


_TAYLOR = tuple(np.float32(1 / factorial) for factorial in (120, 24, 6, 2, 1, 1))


_SEVENTH = np.float32(1 / 720)


@njit(error_model="numpy")
def exp(x: Any) -> Any:
    """e ** x to about 2e-7 of itself, from 2 ** -126 to 2 ** 126: 2 ** n times the Taylor series of 2 ** f.

    Plain arithmetic, of which the compiler can make vectors; NaN stays NaN.
    """
    y = min(max(x * _LOG2_E, -_MOST), _MOST)
    n = np.floor(y + _HALF)
    z = (y - n) * _LN_2
    series = _SEVENTH
    for coefficient in _TAYLOR:
        series = series * z + coefficient
    return series * np.int32((np.int32(n) + 127) << 23).view(np.float32)


SUM_BLOCK = 256
"""So many weights are added in single precision, and the sums of blocks in double: in single, ten thousand small terms
would shift the tail."""
RANK_OF_MINUS_INFINITY = np.int32(-0x7F800001)
"""The rank of -inf."""

_NEGLIGIBLE_LOGPROB = np.float32(-80)
"""Less likely than the best one by so many nats, a number weighs nothing: e ** -80 is beyond any random number."""
_MAGNITUDE_BITS = np.int32(0x7FFFFFFF)


@njit
def softmax_buffers(width: Any) -> Any:
    """Room for the sums of a row's blocks, for the weights of one block and for adding them up."""
    return np.empty(-(-width // SUM_BLOCK)), np.empty(SUM_BLOCK, np.float32), np.empty(SUM_BLOCK // 2, np.float32)


@compiled
def rank_bounds(row: Any) -> Any:
    """The smallest and the largest number, each as the whole number of its rank among all floats.

    Whole numbers because the compiler makes vectors of their comparisons, and because NaN is beyond the infinities.
    """
    lowest, highest = np.int32(_MAGNITUDE_BITS), np.int32(-_MAGNITUDE_BITS)
    for j in range(len(row)):  # not `for number in row`, of which no vectors are made
        bits = np.float32(row[j]).view(np.int32)
        rank = np.int32(bits ^ ((bits >> np.int32(31)) & _MAGNITUDE_BITS))
        lowest, highest = min(lowest, rank), max(highest, rank)
    return lowest, highest


@compiled
def value_of_rank(rank: Any) -> Any:
    """The number of a rank."""
    return np.int32(rank ^ ((rank >> np.int32(31)) & _MAGNITUDE_BITS)).view(np.float32)


@compiled
def log_softmax(row: Any, room: Any) -> None:
    """Replace numbers by their log-probabilities; where one is NaN or infinity, all by NaN."""
    best = value_of_rank(rank_bounds(row)[1])
    shift = np.float32(math.log(sum_weights(row, best, np.float32(1), room)))
    for j in range(len(row)):
        row[j] = (row[j] - best) - shift


@compiled
def sum_weights(row: Any, best: Any, sharpness: Any, room: Any) -> Any:
    """The sum of what all numbers weigh, the sums of blocks being left in `room`; sharpness is 1 / temperature."""
    sums, weights, added = room
    total = 0.0
    for i in range(len(sums)):
        sums[i] = weigh_block(row, i * SUM_BLOCK, best, sharpness, weights, added)
        total += sums[i]
    return total


@compiled
def weigh_block(row: Any, begin: Any, best: Any, sharpness: Any, weights: Any, added: Any) -> Any:
    """Write the weights of a block, best being 1, and return their sum, of pairs, pairs of pairs and so on."""
    _write_weights(row[begin : begin + SUM_BLOCK], best, sharpness, weights)
    weights[len(row) - begin :] = 0
    half = SUM_BLOCK // 2
    for j in range(half):
        added[j] = weights[j] + weights[half + j]
    while half > 1:
        half //= 2
        for j in range(half):
            added[j] += added[half + j]
    return added[0]


@compiled
def _write_weights(block: Any, best: Any, sharpness: Any, weights: Any) -> None:
    for j in range(len(block)):  # of `row[begin + j]`, which might count from the end, no vectors are made
        distance = (block[j] - best) * sharpness
        weight = exp(distance)
        weights[j] = np.float32(0) if distance < _NEGLIGIBLE_LOGPROB else weight
