"""One token of each row of log-probabilities: the best or one drawn, compiled, a row a turn of a team of threads.

It knows rows, temperatures and random numbers, and that low ids may be excluded. It does not know why, nor filters
(`sampling`), nor models. What is chosen of a row does not depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from models.kernels import openmp
from models.kernels.gil import request_gil
from models.kernels.jit import Int, compiled, pointer
from models.kernels.openmp import parallel_for
from models.kernels.softmax import (
    RANK_OF_MINUS_INFINITY,
    SUM_BLOCK,
    rank_bounds,
    softmax_buffers,
    sum_weights,
    value_of_rank,
    weigh_block,
)
from models.kernels.workspace import address_of

NO_TOKEN = -1
"""Chosen where every token is excluded or has no probability."""
NOT_FINITE = -2
"""Chosen where a number is NaN or infinity: this is no distribution."""

EXCLUDABLE_IDS = 2
"""So many of the lowest ids can be excluded."""
_ADDRESSES = ("temperatures", "numbers", "excluded", "tokens", "logprobs")
CHOICE = np.dtype([(name, np.int64) for name in _ADDRESSES])
"""Addresses of a temperature, a number and `excluded` [LOW] for each row, and of room for what is found of each."""
NO_CHOICE = (0,) * len(_ADDRESSES)
"""A CHOICE that nobody makes."""
CHOOSING = np.dtype([*((name, np.int64) for name in ("count", "width", "rows")), ("choice", CHOICE)])
"""Rows [B, V], which are changed where something is excluded, and a CHOICE."""
_CHOOSING = openmp.task_record(CHOOSING)

_COST_PER_VALUE = 10
"""Of a number, in multiply-adds."""
_RANK_OF_INFINITY = np.int32(0x7F800000)


Filter: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.bool_]]
"""Takes log-probabilities [V], returns which tokens [V] must not be chosen."""


@dataclass(frozen=True)
class SamplingMetadata:
    """How a token of each of B rows is chosen."""

    temperatures: NDArray[np.float32]
    """[B]; at 0 the best is chosen, of equals the lower one."""
    uniforms: NDArray[np.float64]
    """[B]; otherwise the one at so much, 0 to 1, of the whole mass."""
    excluded: NDArray[np.bool_]
    """[B, 2]; whether ids 0 and 1 must not be chosen."""
    filters: Mapping[int, Filter]
    """What else must not be chosen, for the rows that anything is known of, found of log-probabilities [V]."""

    def for_row(self, place: int) -> SamplingMetadata:
        """That of one row."""
        part, kept = slice(place, place + 1), self.filters.get(place)
        filters = {} if kept is None else {0: kept}
        return SamplingMetadata(self.temperatures[part], self.uniforms[part], self.excluded[part], filters)

    def sample(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A token [B], or IMPOSSIBLE or BROKEN, of each of the log-probabilities [B, V], and its own one.

        The rows are used up.
        """
        rows = np.ascontiguousarray(rows)
        for place, found in self.filters.items():
            row = rows[place]
            row[:EXCLUDABLE_IDS][self.excluded[place, : len(row)]] = -np.inf
            row[found(row)] = -np.inf
        record, tokens, logprobs = self.record()
        openmp.run_parallel(sample_rows, (*rows.shape, address_of(rows), record), CHOOSING, _COST_PER_VALUE * rows.size)
        return tokens, logprobs

    def record(self) -> tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.float32]]:
        """A CHOICE, valid as long as this object, and the tokens and log-probabilities that will be found."""
        found = np.empty(len(self.uniforms), np.int64), np.empty(len(self.uniforms), np.float32)
        given: tuple[NDArray[Any], ...] = (self.temperatures, self.uniforms, self.excluded, *found)
        return tuple(map(address_of, given)), *found


def sample_rows(address: Any) -> None:
    """Compute a CHOOSING, on a team."""
    given = carray(address, 1, _CHOOSING)[0]
    _sample_one(given.team, 0, given.work.count, (given.work, softmax_buffers(given.work.width)))
    request_gil(given.team.wanted)


@parallel_for
@njit(error_model="numpy")
def _sample_one(b: Any, given: Any) -> None:
    call, room = given
    sample_row(carray(pointer(call.rows + 4 * b * call.width), call.width, np.float32), call.choice, b, room)


@njit(error_model="numpy")
def sample_row(row: Any, choice: Any, b: Any, room: Any) -> None:
    """Find what a CHOICE asks for of its row b [V]; `room` is for its softmax."""
    excluded = carray(pointer(choice.excluded + EXCLUDABLE_IDS * b), EXCLUDABLE_IDS, np.uint8)
    for j in range(min(EXCLUDABLE_IDS, len(row))):
        if excluded[j]:
            row[j] = -np.inf
    temperature = carray(pointer(choice.temperatures), b + 1, np.float32)[b]
    number = carray(pointer(choice.numbers), b + 1, np.float64)[b]
    token = _pick(row, temperature, number, room)
    carray(pointer(choice.tokens), b + 1, np.int64)[b] = token
    carray(pointer(choice.logprobs), b + 1, np.float32)[b] = row[max(token, 0)]


@compiled
def _pick(row: Any, temperature: Any, number: Any, room: Any) -> Int:
    lowest, highest = rank_bounds(row)
    if lowest < RANK_OF_MINUS_INFINITY or highest >= _RANK_OF_INFINITY:
        return NOT_FINITE
    if highest == RANK_OF_MINUS_INFINITY:
        return NO_TOKEN
    if temperature == 0:
        return _index_of(row, value_of_rank(highest))
    return _draw_token(row, value_of_rank(highest), np.float32(1) / temperature, number, room)


@compiled
def _index_of(row: Any, value: Any) -> Int:
    for j in range(len(row)):
        if row[j] == value:
            return j
    return NOT_FINITE


@compiled
def _draw_token(row: Any, best: Any, sharpness: Any, number: Any, room: Any) -> Int:
    """By blocks first, so that no running sum over the whole row is needed."""
    sums, weights, added = room
    point = number * sum_weights(row, best, sharpness, room)
    block, before = 0, 0.0
    for i in range(len(sums)):
        if sums[i] > 0:  # by rounding, the point may lie beyond the last block that has any mass
            block = i
            if before + sums[i] > point:
                break
            before += sums[i]
    weigh_block(row, block * SUM_BLOCK, best, sharpness, weights, added)
    return block * SUM_BLOCK + _locate(weights, point - before)


@compiled
def _locate(weights: Any, point: Any) -> Int:
    """Where `point` falls: never on a weight of zero, nor, by rounding, beyond the last other one."""
    place, running = 0, 0.0
    for j in range(SUM_BLOCK):
        if weights[j] > 0:
            place, running = j, running + weights[j]
            if running > point:
                break
    return place
