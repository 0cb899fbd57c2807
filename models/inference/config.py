"""Sampling parameters, and the reasons why a sequence ends, as data: no NumPy, no Numba, no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from models.errors import InvalidInput

MAX_STOP = 16
"""Stop strings that one sequence may have."""
MAX_STOP_LENGTH = 256
"""Characters that one stop string may have."""
TEMPERATURES = (1e-6, 1e6)
"""Bounds between which float32 differences of log-probabilities can be divided by the temperature without overflow."""
_ACCEPTED_TEMPERATURES = "0, or {:g} to {:g}".format(*TEMPERATURES)
_ACCEPTED_STOPS = f"at most {MAX_STOP} strings of 1 to {MAX_STOP_LENGTH} characters"


@dataclass(frozen=True)
class SamplingParams:
    """Sampling parameters of one sequence. Raises InvalidInput where a value is not acceptable.

    `<unk>` and, with `ignore_end`, `</s>` are excluded first. Then, in this order: `temperature`, `top_k`, `top_p`,
    `min_p`, each on the distribution that the one before it left, renormalized; then a token is drawn.

    >>> SamplingParams(temperature=0.8, top_p=0.95, seed=1, stop=("The end",)).max_tokens
    64
    >>> SamplingParams(top_p=0)
    Traceback (most recent call last):
        ...
    models.errors.InvalidInput: top_p: must be above 0, up to 1 (all)
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
    """Before the prompt the model has read the boundary token or, `zero`, nothing at all: a recurrent one has made one
    step on an input vector of zeros."""

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


def _require(holds: bool, field: str, accepted: str) -> None:
    if not holds:
        raise InvalidInput(field, f"must be {accepted}")


FinishReason: TypeAlias = Literal["stop", "end", "length", "no_continuation", "cancelled", "failed"]
"""A stop string was complete, `</s>` was sampled, `max_tokens` were; every token left is excluded or impossible; the
sequence was evicted; the model failed."""
