"""Log-probabilities to tokens: what may be chosen, how it is weighted, and each sequence's own random numbers.

It knows one row of log-probabilities at a time, so that company cannot change a choice; it does not know models,
texts or when a sequence ends, nor how a choice is computed (`choosing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.sampling import BROKEN, IMPOSSIBLE, LOW, Choice, Filter
from models.language_model import EOS, UNK

MAX_STOP = 16
"""More stop strings than this are refused."""
MAX_STOP_LENGTH = 256
"""In characters; longer stop strings are refused."""
TEMPERATURES = (1e-6, 1e6)
"""Between these float32 differences of log-probabilities can be divided by the temperature without overflow."""
_ACCEPTED_TEMPERATURES = "0, or {:g} to {:g}".format(*TEMPERATURES)
_ACCEPTED_STOPS = f"at most {MAX_STOP} strings of 1 to {MAX_STOP_LENGTH} characters"


@dataclass(frozen=True)
class SamplingParams:
    """How one sequence is sampled. Raises InvalidInput where a value is not acceptable.

    `<unk>` and, with `ignore_end`, `</s>` are excluded first. Then, in this order: `temperature`, `top_k`, `top_p`,
    `min_p`, each on the distribution that the one before it left, renormalised; then the draw.
    """

    temperature: float = 1.0
    """Divides log-probabilities. 0 takes the most probable token, on a tie the lower id, whatever the filters say."""
    top_k: int = 0
    """Keep the k most probable tokens, on ties the lower ids; 0 keeps all."""
    top_p: float = 1.0
    """Keep the fewest of the most probable tokens whose mass reaches p, on ties the lower ids; 1 keeps all."""
    min_p: float = 0.0
    """Keep tokens at least p times as probable as the most probable one; 0 keeps all."""
    seed: int | None = None
    """The same seed gives the same tokens, alone or in company; None is different every time."""
    max_tokens: int = 64
    """At most this many tokens, `</s>` not counted."""
    stop: tuple[str, ...] = ()
    """The text ends before whichever of these is complete first."""
    ignore_end: bool = False
    """Never choose `</s>`, so that only a stop string or the length ends the text."""
    allow_unk: bool = False
    """`<unk>` may be chosen."""
    start: Literal["boundary", "zero"] = "boundary"
    """Before the prompt the model has read the boundary token or, `zero`, nothing at all."""

    def __post_init__(self) -> None:
        low, high = TEMPERATURES
        _require(self.temperature == 0 or low <= self.temperature <= high, "temperature", _ACCEPTED_TEMPERATURES)
        _require(self.top_k >= 0, "top_k", "0 (all) or more")
        _require(0 < self.top_p <= 1, "top_p", "above 0, up to 1 (all)")
        _require(0 <= self.min_p <= 1, "min_p", "0 (all) to 1")
        _require(self.seed is None or 0 <= self.seed < 2**64, "seed", "0 to 2^64 - 1")
        _require(self.max_tokens >= 1, "max_tokens", "1 or more")
        fits = len(self.stop) <= MAX_STOP and all(1 <= len(stop) <= MAX_STOP_LENGTH for stop in self.stop)
        _require(fits, "stop", _ACCEPTED_STOPS)
        _require(self.start in ("boundary", "zero"), "start", "'boundary' or 'zero'")


def random_numbers(seed: int | None, index: int = 0) -> np.random.Generator:
    """The random numbers of sample `index` of a prompt: a Philox stream of its own for every seed and index."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index,))))


def sample(logprobs: NDArray[np.float32], params: SamplingParams, numbers: np.random.Generator) -> int | None:
    """A token drawn from log-probabilities [V] in nats, or None when every token left is excluded or impossible.

    Takes one number of `numbers`, none at temperature 0. Raises ArithmeticError where a log-probability is no number.
    """
    ((token,), _) = choice([params], [numbers]).of(logprobs[None].copy())
    if token == BROKEN:
        raise not_numbers()
    return None if token == IMPOSSIBLE else int(token)


def choice(params: Sequence[SamplingParams], numbers: Sequence[np.random.Generator]) -> Choice:
    """How a token of each of B rows is chosen, by parameters and random numbers [B] of their own, as `sample` does.

    No number is taken for a row whose best token is chosen.
    """
    filters = {place: filtered for place, one in enumerate(params) if (filtered := filtering(one)) is not None}
    pairs = zip(params, numbers, strict=True)
    drawn = np.array([own.random() if one.temperature else 0.0 for one, own in pairs])
    return Choice(np.array([one.temperature for one in params], np.float32), drawn, excluded(params), filters)


def not_numbers() -> ArithmeticError:
    """What a row ends with from which nothing can be chosen because the model failed."""
    return ArithmeticError("the model gave log-probabilities that are no numbers")


def weights(logprobs: NDArray[np.float32], params: SamplingParams) -> NDArray[np.float32]:
    """What `sample` draws from at a temperature above 0: weights [V] of any sum, 0 where a token cannot be drawn."""
    row = logprobs.copy()
    row[[token for token, out in ((UNK, not params.allow_unk), (EOS, params.ignore_end)) if out]] = -np.inf
    return _filtered(row, params)


def excluded(params: Sequence[SamplingParams]) -> NDArray[np.bool_]:
    """Whether `<unk>` and `</s>` are, ids 0 and 1, of each of B rows [B, 2]."""
    return np.array([(not one.allow_unk, one.ignore_end) for one in params], np.bool_).reshape(-1, LOW)


def filtering(params: SamplingParams) -> Filter | None:
    """What finds the tokens [V] that are filtered out of log-probabilities [V]; None where none are."""
    if params.temperature and (params.top_k or params.top_p < 1 or params.min_p):
        return partial(_filtered_out, params=params)
    return None


def _filtered_out(allowed: NDArray[np.float32], params: SamplingParams) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = _filtered(allowed, params) == 0
    return out


def _filtered(allowed: NDArray[np.float32], params: SamplingParams) -> NDArray[np.float32]:
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
    return _largest(kept, k, np.partition(kept, -k)[-k])


def _top_p(kept: NDArray[np.float32], p: float) -> NDArray[np.float32]:
    falling = np.sort(kept)[::-1]  # values alone sort many times faster than ids by value
    mass = falling.cumsum(dtype=np.float64)
    count = min(int(mass.searchsorted(p * mass[-1])) + 1, len(kept))
    return _largest(kept, count, falling[count - 1])


def _largest(kept: NDArray[np.float32], count: int, smallest: np.float32) -> NDArray[np.float32]:
    """The `count` largest, the last of them being `smallest`, of which the lower ids count; 0 elsewhere."""
    chosen = kept > smallest
    chosen[np.flatnonzero(kept == smallest)[: count - chosen.sum()]] = True
    return np.where(chosen, kept, np.float32(0))


def _require(holds: bool, field: str, accepted: str) -> None:
    if not holds:
        raise InvalidInput(field, f"must be {accepted}")
