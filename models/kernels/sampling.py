"""Drawing a token from each row of log-probabilities, the best or a random one, on a team of threads.

`SamplingMetadata.sample` is called from Python, `sample_row` from compiled functions that have just computed a row.
The token of a row does not depend on the other rows of its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Floats, array_at, compiled, subroutine
from models.kernels.openmp import parallel_for, run_parallel, task_record
from models.kernels.softmax import (
    RANK_OF_MINUS_INFINITY,
    SUM_BLOCK,
    SoftmaxBuffers,
    rank_bounds,
    softmax_buffers,
    sum_weights,
    value_of_rank,
    weigh_block,
)
from models.kernels.workspace import address_of

NO_TOKEN = -1
"""In place of a token: all tokens are excluded or have no probability."""
NOT_FINITE = -2
"""In place of a token: a log-probability is NaN or infinite, so the row is no distribution."""

EXCLUDABLE_IDS = 2
"""How many of the lowest ids can be excluded."""
_COST_PER_VALUE = 10
"""Cost of one log-probability, in multiply-adds."""
_RANK_OF_INFINITY = np.int32(0x7F800000)

Filter: TypeAlias = Callable[[Floats], NDArray[np.bool_]]
"""A function of log-probabilities [V] that returns which tokens [V] must not be sampled."""
Adjustment: TypeAlias = Callable[[Floats], None]
"""A function that changes log-probabilities [V] in place before a token is sampled."""


class SampleArgs(NamedTuple):
    """Addresses of what `sample_row` reads and writes for B rows."""

    temperatures: int = 0
    """[B] float32."""
    uniforms: int = 0
    """[B] float64."""
    excluded: int = 0
    """[B, EXCLUDABLE_IDS] bool."""
    tokens: int = 0
    """[B] int64, written."""
    logprobs: int = 0
    """[B] float32, written."""


class SampleRowsArgs(NamedTuple):
    """Arguments of `sample_rows`."""

    row_count: int
    """B."""
    width: int
    """V."""
    rows: int
    """Address of log-probabilities [B, V] float32; those of excluded tokens are overwritten."""
    sample: SampleArgs


_SAMPLE_ROWS_TASK = task_record(SampleRowsArgs)


@dataclass(frozen=True)
class SamplingMetadata:
    """Temperatures, random numbers, excluded tokens, filters and adjustments of the rows [B] of a batch."""

    temperatures: NDArray[np.float32]
    """[B]; 0 takes the most probable token, on a tie the lower id."""
    uniforms: NDArray[np.float64]
    """[B] random numbers from 0 to 1: the token at this point of the cumulative distribution is sampled."""
    excluded: NDArray[np.bool_]
    """[B, 2]; whether ids 0 and 1 must not be sampled."""
    filters: Mapping[int, Filter]
    """Further tokens that must not be sampled, computed from log-probabilities [V], for rows that have a filter."""
    adjustments: Mapping[int, Adjustment] = field(default_factory=dict)
    """Changes of log-probabilities [V] that come first, for rows that have some."""

    @property
    def is_compiled(self) -> bool:
        """Whether `sample_row` alone samples every row: none has a filter or an adjustment."""
        return not (self.filters or self.adjustments)

    def for_row(self, index: int) -> SamplingMetadata:
        """Return the metadata of one row, as a batch of one."""
        part = slice(index, index + 1)
        filters = {0: self.filters[index]} if index in self.filters else {}
        adjustments = {0: self.adjustments[index]} if index in self.adjustments else {}
        return SamplingMetadata(self.temperatures[part], self.uniforms[part], self.excluded[part], filters, adjustments)

    def sample(self, rows: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Sample a token of each row of log-probabilities [B, V], which are overwritten.

        Returns tokens [B], NO_TOKEN or NOT_FINITE among them, and their log-probabilities [B] as they were in `rows`.
        """
        rows = np.ascontiguousarray(rows)
        unadjusted = self._adjust(rows) if self.adjustments else {}
        for index, row_filter in self.filters.items():
            row = rows[index]
            row[:EXCLUDABLE_IDS][self.excluded[index, : len(row)]] = -np.inf
            row[row_filter(row)] = -np.inf
        sample, tokens, logprobs = self.args()
        row_count, width = rows.shape
        args = SampleRowsArgs(row_count=row_count, width=width, rows=address_of(rows), sample=sample)
        run_parallel(sample_rows, args, _COST_PER_VALUE * rows.size)
        for index, row in unadjusted.items():
            logprobs[index] = row[max(tokens[index], 0)]
        return tokens, logprobs

    def _adjust(self, rows: Floats) -> dict[int, Floats]:
        """Adjust the log-probabilities of the rows that have an adjustment; return these as they were."""
        unadjusted = {index: rows[index].copy() for index in self.adjustments}
        for index, adjust in self.adjustments.items():
            adjust(rows[index])
        return unadjusted

    def args(self) -> tuple[SampleArgs, NDArray[np.int64], Floats]:
        """Return arguments for `sample_row` and the arrays that it writes, tokens and log-probabilities [B].

        The arguments are valid as long as this object and both arrays.
        """
        tokens, logprobs = np.empty(len(self.uniforms), np.int64), np.empty(len(self.uniforms), np.float32)
        args = SampleArgs(
            temperatures=address_of(self.temperatures),
            uniforms=address_of(self.uniforms),
            excluded=address_of(self.excluded),
            tokens=address_of(tokens),
            logprobs=address_of(logprobs),
        )
        return args, tokens, logprobs


def sample_rows(task_address: int) -> None:
    """Entry function: sample a token of each row of a SampleRowsArgs."""
    task = array_at(task_address, 1, _SAMPLE_ROWS_TASK)[0]
    _sample_each(task.team, 0, task.args.row_count, (task.args, softmax_buffers(task.args.width)))


@parallel_for
@subroutine
def _sample_each(b: int, args: tuple[SampleRowsArgs, SoftmaxBuffers]) -> None:
    """Sample a token of row b."""
    call, buffers = args
    row = array_at(call.rows + 4 * b * call.width, call.width, np.float32)
    sample_row(row, call.sample, b, buffers)


@subroutine
def sample_row(row: Floats, args: SampleArgs, b: int, buffers: SoftmaxBuffers) -> None:
    """Sample a token of row b of a batch, log-probabilities [V]; those of excluded tokens become -inf."""
    excluded = array_at(args.excluded + EXCLUDABLE_IDS * b, EXCLUDABLE_IDS, np.uint8)
    for j in range(min(EXCLUDABLE_IDS, len(row))):
        if excluded[j]:
            row[j] = -np.inf
    temperature = array_at(args.temperatures, b + 1, np.float32)[b]
    uniform = array_at(args.uniforms, b + 1, np.float64)[b]
    token = _pick(row, temperature, uniform, buffers)
    array_at(args.tokens, b + 1, np.int64)[b] = token
    array_at(args.logprobs, b + 1, np.float32)[b] = row[max(token, 0)]


@compiled
def _pick(row: Floats, temperature: np.float32, uniform: float, buffers: SoftmaxBuffers) -> int:
    lowest, highest = rank_bounds(row)
    if lowest < RANK_OF_MINUS_INFINITY or highest >= _RANK_OF_INFINITY:
        return NOT_FINITE
    if highest == RANK_OF_MINUS_INFINITY:
        return NO_TOKEN
    if temperature == 0:
        return _index_of(row, value_of_rank(highest))
    return _draw_token(row, value_of_rank(highest), np.float32(1) / temperature, uniform, buffers)


@compiled
def _index_of(row: Floats, value: np.float32) -> int:
    for j in range(len(row)):
        if row[j] == value:
            return j
    return NOT_FINITE


@compiled
def _draw_token(row: Floats, best: np.float32, sharpness: np.float32, uniform: float, buffers: SoftmaxBuffers) -> int:
    """Find the block where the cumulative weight passes `uniform` of the whole, then the token in it.

    By blocks first, so that no running sum over the whole row is needed.
    """
    sums = buffers.sums
    point = uniform * sum_weights(row, best, sharpness, buffers)
    block, before = 0, 0.0
    for i in range(len(sums)):
        if sums[i] > 0:  # by rounding, the point may lie beyond the last block that has any weight
            block = i
            if before + sums[i] > point:
                break
            before += sums[i]
    weigh_block(row, block * SUM_BLOCK, best, sharpness, buffers)
    return block * SUM_BLOCK + _locate(buffers.weights, point - before)


@compiled
def _locate(weights: Floats, point: float) -> int:
    """Return the index where the cumulative weight passes `point`.

    Never one whose weight is zero; the last other one where, by rounding, the point lies beyond the end.
    """
    index, running = 0, 0.0
    for j in range(SUM_BLOCK):
        if weights[j] > 0:
            index, running = j, running + weights[j]
            if running > point:
                break
    return index
