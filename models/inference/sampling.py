"""Log-probabilities to tokens: what may be chosen, how it is weighted, and each sequence's own random numbers.

It knows one row of log-probabilities at a time, so that company cannot change a choice; it does not know models,
texts or when a sequence ends, nor how a choice is computed (`choosing`).

How tokens of rows that come and go are chosen: what was asked for each row, and random numbers for many steps.

It knows rows and the streams that their numbers come from. It does not know texts, nor how a token is chosen
(`sampling`, `choosing`). A stream gives its numbers in its own order, whatever rows are beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from models.inference.config import SamplingParams
from models.kernels.sampling import EXCLUDABLE_IDS, NO_TOKEN, NOT_FINITE, Filter, SamplingMetadata
from models.special_tokens import EOS, UNK
from models.state import concat, select


def random_generator(seed: int | None, index: int = 0) -> np.random.Generator:
    """The random numbers of sample `index` of a prompt: a Philox stream of its own for every seed and index."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index,))))


def sample_token(logprobs: NDArray[np.float32], params: SamplingParams, numbers: np.random.Generator) -> int | None:
    """A token drawn from log-probabilities [V] in nats, or None when every token left is excluded or impossible.

    Takes one number of `numbers`, none at temperature 0. Raises ArithmeticError where a log-probability is no number.
    """
    ((token,), _) = choice([params], [numbers]).sample(logprobs[None].copy())
    if token == NOT_FINITE:
        raise not_finite_error()
    return None if token == NO_TOKEN else int(token)


def choice(params: Sequence[SamplingParams], numbers: Sequence[np.random.Generator]) -> SamplingMetadata:
    """How a token of each of B rows is chosen, by parameters and random numbers [B] of their own, as `sample` does.

    No number is taken for a row whose best token is chosen.
    """
    filters = {place: filtered for place, one in enumerate(params) if (filtered := make_filter(one)) is not None}
    pairs = zip(params, numbers, strict=True)
    drawn = np.array([own.random() if one.temperature else 0.0 for one, own in pairs])
    return SamplingMetadata(
        np.array([one.temperature for one in params], np.float32), drawn, excluded_mask(params), filters
    )


def not_finite_error() -> ArithmeticError:
    """What a row ends with from which nothing can be chosen because the model failed."""
    return ArithmeticError("the model gave log-probabilities that are no numbers")


def sampling_weights(logprobs: NDArray[np.float32], params: SamplingParams) -> NDArray[np.float32]:
    """What `sample` draws from at a temperature above 0: weights [V] of any sum, 0 where a token cannot be drawn."""
    row = logprobs.copy()
    row[[token for token, out in ((UNK, not params.allow_unk), (EOS, params.ignore_end)) if out]] = -np.inf
    return _filtered_weights(row, params)


def excluded_mask(params: Sequence[SamplingParams]) -> NDArray[np.bool_]:
    """Whether `<unk>` and `</s>` are, ids 0 and 1, of each of B rows [B, 2]."""
    return np.array([(not one.allow_unk, one.ignore_end) for one in params], np.bool_).reshape(-1, EXCLUDABLE_IDS)


def make_filter(params: SamplingParams) -> Filter | None:
    """What finds the tokens [V] that are filtered out of log-probabilities [V]; None where none are."""
    if params.temperature and (params.top_k or params.top_p < 1 or params.min_p):
        return partial(_filtered_mask, params=params)
    return None


def _filtered_mask(allowed: NDArray[np.float32], params: SamplingParams) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = _filtered_weights(allowed, params) == 0
    return out


def _filtered_weights(allowed: NDArray[np.float32], params: SamplingParams) -> NDArray[np.float32]:
    """The weights after temperature and filters of a row in which -inf stands for what is excluded."""
    best = allowed.max()
    if not np.isfinite(best):
        return np.zeros_like(allowed) if best == -np.inf else np.full_like(allowed, np.nan)
    kept: NDArray[np.float32] = allowed - best
    kept /= np.float32(params.temperature)
    np.exp(kept, out=kept)
    if 0 < params.top_k < len(kept):
        kept = _top_k(kept, params.top_k)
    if params.top_p < 1:
        kept = _top_p(kept, params.top_p)
    if params.min_p > 0:
        kept[kept < params.min_p * kept.max()] = 0
    return kept


def _top_k(kept: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    return _keep_largest(kept, k, np.partition(kept, -k)[-k])


def _top_p(kept: NDArray[np.float32], p: float) -> NDArray[np.float32]:
    falling = np.sort(kept)[::-1]  # values alone sort many times faster than ids by value
    mass = falling.cumsum(dtype=np.float64)
    count = min(int(mass.searchsorted(p * mass[-1])) + 1, len(kept))
    return _keep_largest(kept, count, falling[count - 1])


def _keep_largest(kept: NDArray[np.float32], count: int, smallest: np.float32) -> NDArray[np.float32]:
    """The `count` largest, the last of them being `smallest`, of which the lower ids count; 0 elsewhere."""
    chosen = kept > smallest
    chosen[np.flatnonzero(kept == smallest)[: count - chosen.sum()]] = True
    return np.where(chosen, kept, np.float32(0))


PREFETCHED_UNIFORMS = 32
"""Numbers that are taken from a stream at once: each time, its memory has to come from far away."""


_Arrays = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]
"""Temperatures [B], excluded [B, LOW], numbers [B, AHEAD] of which the first were used."""


class BatchSampler:
    """Those of the rows of one batch."""

    def __init__(self) -> None:
        self._arrays: _Arrays = (
            np.zeros(0, np.float32),
            np.zeros((0, EXCLUDABLE_IDS), np.bool_),
            np.zeros((0, PREFETCHED_UNIFORMS)),
        )
        self._used = 0
        self._generators: list[np.random.Generator | None] = []
        """Where the numbers of each row come from; at temperature 0 it needs none."""
        self._filters: dict[int, Filter] = {}
        """Of the rows that have any; made anew where it changes, since choices hold it."""

    def join(self, params: Sequence[SamplingParams], streams: Sequence[np.random.Generator]) -> None:
        """Take in rows."""
        new = [stream if one.temperature else None for one, stream in zip(params, streams, strict=True)]
        numbers = np.zeros((len(new), PREFETCHED_UNIFORMS))
        _prefetch(numbers, self._used, new)
        arrays = np.array([one.temperature for one in params], np.float32), excluded_mask(params), numbers
        self._arrays = cast("_Arrays", concat([self._arrays, arrays]))
        found = enumerate(map(make_filter, params), len(self._generators))
        self._filters = self._filters | {row: filtered for row, filtered in found if filtered is not None}
        self._generators += new

    def keep(self, rows: list[int]) -> None:
        """Go on with these, in this order."""
        self._arrays = cast("_Arrays", select(self._arrays, rows))
        self._generators = [self._generators[row] for row in rows]
        self._filters = {new: self._filters[row] for new, row in enumerate(rows) if row in self._filters}

    def next_metadata(self) -> SamplingMetadata:
        """How the next token of each row is chosen."""
        temperatures, out, numbers = self._arrays
        if self._used == PREFETCHED_UNIFORMS:
            _prefetch(numbers, 0, self._generators)
            self._used = 0
        drawn = numbers[:, self._used].copy()
        self._used += 1
        return SamplingMetadata(temperatures, drawn, out, self._filters)


def _prefetch(numbers: NDArray[np.float64], begin: int, streams: Sequence[np.random.Generator | None]) -> None:
    """Numbers from `begin` on for each row that has a stream."""
    for row, stream in zip(numbers, streams, strict=True):
        if stream is not None:
            row[begin:] = stream.random(PREFETCHED_UNIFORMS - begin)
