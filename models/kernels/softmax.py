"""Softmax of one row of numbers: `log_softmax`, and weights by blocks for `models.kernels.sampling`.

Sums are added in the same order on every processor, whatever its vectors are, so that results are the same everywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Floats, compiled, subroutine

SUM_BLOCK = 256
"""How many weights are added in single precision; the sums of blocks are added in double.

In single precision throughout, ten thousand small terms would shift the tail of a distribution."""
RANK_OF_MINUS_INFINITY = np.int32(-0x7F800001)
"""The rank of -inf, as `rank_bounds` counts."""

_NEGLIGIBLE_LOGPROB = np.float32(-80)
"""A number this much below the best one weighs nothing: e ** -80 is beyond the resolution of any random number."""
_MAGNITUDE_BITS = np.int32(0x7FFFFFFF)

_ONE, _HALF = np.float32(1), np.float32(0.5)
_LOG2_E, _LN_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)
_MAX_EXPONENT = np.float32(126)
_TAYLOR = tuple(np.float32(1 / factorial) for factorial in (120, 24, 6, 2, 1, 1))
"""Coefficients of the Taylor series of exp from x ** 5 down to 1."""
_SIXTH_POWER = np.float32(1 / 720)
"""The coefficient of x ** 6."""


class SoftmaxBuffers(NamedTuple):
    """Buffers for the softmax of one row at a time."""

    sums: NDArray[np.float64]
    """Sums of the weights of each block."""
    weights: Floats
    """Weights of one block [SUM_BLOCK]."""
    halves: Floats
    """Partial sums of a block [SUM_BLOCK / 2]."""


@subroutine
def softmax_buffers(width: int) -> SoftmaxBuffers:
    """Allocate buffers for rows of `width` numbers."""
    return SoftmaxBuffers(
        np.empty(-(-width // SUM_BLOCK)), np.empty(SUM_BLOCK, np.float32), np.empty(SUM_BLOCK // 2, np.float32)
    )


@compiled
def rank_bounds(row: Floats) -> tuple[np.int32, np.int32]:
    """Return the smallest and the largest number of a row, each as its rank among all floats.

    Ranks are whole numbers, of whose comparisons the compiler makes vector instructions; NaN is beyond the infinities.
    """
    lowest, highest = np.int32(_MAGNITUDE_BITS), np.int32(-_MAGNITUDE_BITS)
    for j in range(len(row)):  # not `for number in row`, of which no vectors are made
        bits = np.float32(row[j]).view(np.int32)
        rank = np.int32(bits ^ ((bits >> np.int32(31)) & _MAGNITUDE_BITS))
        lowest, highest = min(lowest, rank), max(highest, rank)
    return lowest, highest


@compiled
def value_of_rank(rank: np.int32) -> np.float32:
    """Return the number that has a rank."""
    return np.int32(rank ^ ((rank >> np.int32(31)) & _MAGNITUDE_BITS)).view(np.float32)


@compiled
def log_softmax(row: Floats, buffers: SoftmaxBuffers) -> None:
    """Replace the numbers of a row by log-probabilities; all by NaN if one of them is NaN or infinite."""
    best = value_of_rank(rank_bounds(row)[1])
    shift = np.float32(math.log(sum_weights(row, best, np.float32(1), buffers)))
    for j in range(len(row)):
        row[j] = (row[j] - best) - shift


@compiled
def sum_weights(row: Floats, best: np.float32, sharpness: np.float32, buffers: SoftmaxBuffers) -> float:
    """Return the sum of all weights, exp((number - best) * sharpness).

    The sums of blocks are left in `buffers.sums`. `best` is the largest number, and sharpness is 1 / temperature.
    """
    sums, total = buffers.sums, 0.0
    for i in range(len(sums)):
        sums[i] = weigh_block(row, i * SUM_BLOCK, best, sharpness, buffers)
        total += sums[i]
    return total


@compiled
def weigh_block(row: Floats, begin: int, best: np.float32, sharpness: np.float32, buffers: SoftmaxBuffers) -> float:
    """Write the weights of a block to `buffers.weights` and return their sum.

    They are added in pairs, pairs of pairs and so on, which the compiler makes vector instructions of.
    """
    weights, halves = buffers.weights, buffers.halves
    _write_weights(row[begin : begin + SUM_BLOCK], best, sharpness, weights)
    weights[len(row) - begin :] = 0
    half = SUM_BLOCK // 2
    for j in range(half):
        halves[j] = weights[j] + weights[half + j]
    while half > 1:
        half //= 2
        for j in range(half):
            halves[j] += halves[half + j]
    total: float = halves[0]
    return total


@compiled
def _write_weights(block: Floats, best: np.float32, sharpness: np.float32, weights: Floats) -> None:
    for j in range(len(block)):  # of `row[begin + j]`, which might count from the end, no vectors are made
        distance = (block[j] - best) * sharpness
        weight = exp(distance)
        weights[j] = np.float32(0) if distance < _NEGLIGIBLE_LOGPROB else weight


@subroutine
def exp(x: np.float32) -> np.float32:
    """Return e ** x with a relative error of about 2e-7, within 2 ** -126 and 2 ** 126; NaN stays NaN.

    Computed as 2 ** n times the Taylor series of 2 ** f by plain arithmetic, of which the compiler makes vector
    instructions.
    """
    y = min(max(x * _LOG2_E, -_MAX_EXPONENT), _MAX_EXPONENT)
    n = np.floor(y + _HALF)
    z = (y - n) * _LN_2
    series = _SIXTH_POWER
    for coefficient in _TAYLOR:
        series = series * z + coefficient
    return series * np.int32((np.int32(n) + 127) << 23).view(np.float32)
