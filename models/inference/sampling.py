"""From log-probabilities to tokens: what each sequence may sample, and its own random numbers.

`sample_token` samples one token; a `BatchSampler` keeps what the rows of a batch need while they come and go. Every row
has random numbers and filters of its own, so that other rows cannot change its tokens. The sampling itself is
compiled: `models.kernels.sampling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from models.inference.config import SamplingParams
from models.kernels.best import FEW, best_of_rows
from models.kernels.sampling import EXCLUDABLE_IDS, NO_TOKEN, NOT_FINITE, Adjustment, Filter, SamplingMetadata
from models.model import Floats
from models.state import concat, select

PREFETCHED_UNIFORMS = 32
"""Random numbers taken from a row's generator at a time: fetching a cold generator costs more than the numbers."""

Function = TypeVar("Function")
_Arrays = tuple[Floats, NDArray[np.bool_], NDArray[np.float64]]
"""Temperatures [B], excluded ids [B, EXCLUDABLE_IDS] and uniform numbers [B, prefetch], of which the first are used."""


class BatchSampler:
    """Temperatures, excluded tokens, filters, adjustments and prefetched random numbers of a batch."""

    def __init__(self, prefetch: int = PREFETCHED_UNIFORMS) -> None:
        """Take `prefetch` numbers at a time from the generator of each row."""
        self._prefetch = prefetch
        excluded = np.zeros((0, EXCLUDABLE_IDS), np.bool_)
        self._arrays: _Arrays = np.zeros(0, np.float32), excluded, np.zeros((0, prefetch))
        self._used = 0
        self._generators: list[np.random.Generator | None] = []
        """Of each row; None at temperature 0, where no number is needed."""
        self._filters: dict[int, Filter] = {}
        """Of the rows that have one; replaced and never changed, because `SamplingMetadata` holds it."""
        self._adjustments: dict[int, Adjustment] = {}
        """Likewise."""

    def join(
        self,
        params: Sequence[SamplingParams],
        generators: Sequence[np.random.Generator],
        adjustments: Iterable[Adjustment | None] = (),
    ) -> None:
        """Add rows below the others; without `adjustments`, or where one is None, nothing is adjusted."""
        new = [generator if row.temperature else None for row, generator in zip(params, generators, strict=True)]
        uniforms = np.zeros((len(new), self._prefetch))
        _draw(uniforms[:, self._used :], new)
        arrays = np.array([row.temperature for row in params], np.float32), excluded_mask(params), uniforms
        self._arrays = cast("_Arrays", concat([self._arrays, arrays]))
        first = len(self._generators)
        self._filters = self._filters | _by_row(map(make_filter, params), first)
        self._adjustments = self._adjustments | _by_row(adjustments, first)
        self._generators += new

    def keep(self, rows: list[int]) -> None:
        """Keep only these rows, in this order."""
        self._arrays = cast("_Arrays", select(self._arrays, rows))
        self._generators = [self._generators[row] for row in rows]
        self._filters = {new: self._filters[row] for new, row in enumerate(rows) if row in self._filters}
        self._adjustments = {new: self._adjustments[row] for new, row in enumerate(rows) if row in self._adjustments}

    def next_metadata(self) -> SamplingMetadata:
        """Return what the next token of each row is sampled by; uses up one number of each row."""
        temperatures, excluded, uniforms = self._arrays
        if self._used == self._prefetch:
            _draw(uniforms, self._generators)
            self._used = 0
        column = uniforms[:, self._used].copy()
        self._used += 1
        return SamplingMetadata(temperatures, column, excluded, self._filters, self._adjustments)


def _by_row(functions: Iterable[Function | None], first: int) -> dict[int, Function]:
    """Return the functions of rows from `first` on, by row, where a row has one."""
    return {row: function for row, function in enumerate(functions, first) if function is not None}


def _draw(uniforms: NDArray[np.float64], generators: Sequence[np.random.Generator | None]) -> None:
    """Fill each row of `uniforms` [B, N] from its generator, where it has one."""
    for row, generator in zip(uniforms, generators, strict=True):
        if generator is not None:
            row[:] = generator.random(len(row))


def random_generator(seed: int | None, index: int = 0) -> np.random.Generator:
    """Return the Philox stream of random numbers of sample `index` of a prompt, another for every seed."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index,))))


def sample_token(logprobs: Floats, params: SamplingParams, generator: np.random.Generator) -> int | None:
    """Sample a token from log-probabilities [V]; None where every token is excluded or impossible.

    Takes one number of `generator`, none at temperature 0. Raises ArithmeticError for NaN or infinity in `logprobs`.
    """
    sampler = BatchSampler(prefetch=1)
    sampler.join([params], [generator])
    ((token,), _) = sampler.next_metadata().sample(logprobs[None].copy())
    if token == NOT_FINITE:
        raise not_finite_error()
    return None if token == NO_TOKEN else int(token)


def not_finite_error() -> ArithmeticError:
    """Return the error of a sequence whose log-probabilities are NaN or infinite: the model failed."""
    return ArithmeticError("the model gave log-probabilities that are no numbers")


def sampling_weights(logprobs: Floats, params: SamplingParams) -> Floats:
    """Return the weights [V] that `sample_token` draws from at a temperature above 0; 0 for never."""
    return _filtered_weights(_without_excluded(logprobs, params), params)


def sampling_probabilities(logprobs: Floats, params: SamplingParams, adjustment: Adjustment | None = None) -> Floats:
    """Return the probabilities [V] that tokens are drawn with from log-probabilities [V].

    All are 0 where no token is left; at temperature 0 that of the best token is 1.
    """
    row = _without_excluded(logprobs, params, adjustment)
    if params.temperature:
        weights = _filtered_weights(row, params)
    else:
        weights = np.zeros_like(row)
        weights[row.argmax()] = row.max() > -np.inf
    total = weights.sum(dtype=np.float64)
    probabilities: Floats = weights / np.float32(total) if total else weights
    return probabilities


def _without_excluded(logprobs: Floats, params: SamplingParams, adjustment: Adjustment | None = None) -> Floats:
    """Return a copy of log-probabilities [V], adjusted, with -inf for special tokens that are excluded."""
    row = logprobs.copy()
    if adjustment is not None:
        adjustment(row)
    row[:EXCLUDABLE_IDS][excluded_mask([params])[0]] = -np.inf
    return row


def excluded_mask(params: Sequence[SamplingParams]) -> NDArray[np.bool_]:
    """Return whether `<unk>` and `</s>`, ids 0 and 1, are excluded in each of B rows [B, EXCLUDABLE_IDS]."""
    return np.array([(not row.allow_unk, row.ignore_end) for row in params], np.bool_).reshape(-1, EXCLUDABLE_IDS)


def make_filter(params: SamplingParams) -> Filter | None:
    """Return a function that finds the tokens [V] that the filters leave out; None without filters."""
    if params.temperature and (params.top_k or params.top_p < 1 or params.min_p):
        return lambda logprobs: _filtered_weights(logprobs, params) == 0
    return None


def _filtered_weights(logprobs: Floats, params: SamplingParams) -> Floats:
    """Return the weights [V] after temperature and filters; an excluded token has log P = -inf."""
    best = logprobs.max()
    if not np.isfinite(best):
        return np.zeros_like(logprobs) if best == -np.inf else np.full_like(logprobs, np.nan)
    weights: Floats = logprobs - best
    weights /= np.float32(params.temperature)
    np.exp(weights, out=weights)
    if 0 < params.top_k < len(weights):
        weights = _keep_largest(weights, params.top_k, _kth_largest(weights, params.top_k))
    if params.top_p < 1:
        weights = _top_p(weights, params.top_p)
    if params.min_p > 0:
        weights[weights < params.min_p * weights.max()] = 0
    return weights


def _top_p(weights: Floats, p: float) -> Floats:
    descending = np.sort(weights)[::-1]  # values alone sort many times faster than ids by value
    mass = descending.cumsum(dtype=np.float64)
    count = min(int(mass.searchsorted(p * mass[-1])) + 1, len(weights))
    return _keep_largest(weights, count, descending[count - 1])


def _kth_largest(weights: Floats, k: int) -> np.float32:
    value: np.float32 = best_of_rows(weights[None], k)[0][0, -1] if k <= FEW else np.partition(weights, -k)[-k]
    return value


def _keep_largest(weights: Floats, count: int, smallest: np.float32) -> Floats:
    """Return the `count` largest weights, of which `smallest` is the last, lower ids first; 0 elsewhere."""
    chosen = weights > smallest
    chosen[np.flatnonzero(weights == smallest)[: count - chosen.sum()]] = True
    return np.where(chosen, weights, np.float32(0))
