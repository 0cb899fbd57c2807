"""Sampling parameters, how a sequence ends, and alternatives to a token: data without NumPy or Numba."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from models.errors import InvalidInput

MAX_STOP_CHARACTERS = 8192
"""Characters that the stop strings of one sequence may have together; so many are prepared in some 20 milliseconds."""
MAX_STOP_LENGTH = 256
"""Characters that one stop string may have."""
TEMPERATURES = (1e-6, 1e6)
"""Bounds between which float32 differences of log-probabilities can be divided by the temperature without overflow."""
MAX_PENALTY = 2.0
"""Largest presence and frequency penalty, and as a negative number the smallest: OpenAI's bounds, in nats."""
REPETITION_PENALTIES = (0.01, 100.0)
"""Bounds of the repetition penalty: within them a float32 log-probability keeps its sign and stays finite."""
MAX_LOGIT_BIAS = 100.0
"""Largest logit bias, in nats; as a negative number, which excludes a token, the smallest."""
MAX_BIASED_TOKENS = 1024
"""Tokens that may have a logit bias."""
_ACCEPTED_TEMPERATURES = "0, or {:g} to {:g}".format(*TEMPERATURES)
_ACCEPTED_STOPS = f"strings of 1 to {MAX_STOP_LENGTH} characters, {MAX_STOP_CHARACTERS:,} characters in all"


@dataclass(frozen=True)
class SamplingParams:
    """Sampling parameters of one sequence. Raises InvalidInput where a value is not acceptable.

    `<unk>` and, with `ignore_end`, `</s>` are excluded first. Log-probabilities are changed in this order by
    `repetition_penalty`, `presence_penalty`, `frequency_penalty` and `logit_bias`. Then come `temperature`, `top_k`,
    `top_p`, `min_p`, each on the distribution that the one before it left, renormalized; then a token is drawn.

    >>> SamplingParams(temperature=0.8, top_p=0.95, seed=1, stop=("The end",)).max_tokens
    64
    >>> SamplingParams(repetition_penalty=1.2, logit_bias=((7, -100.0),)).adjusts
    True
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
    repetition_penalty: float = 1.0
    """Multiplies log P of each token that stands in the prompt or in the text so far: above 1 it is less probable."""
    presence_penalty: float = 0.0
    """Taken off log P (nats) of each token that was generated before; the prompt does not count."""
    frequency_penalty: float = 0.0
    """Taken off log P (nats) of a token for each time that it was generated before; the prompt does not count."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Token ids, and nats added to their log P; -100 excludes a token. What is impossible stays so."""
    top_logprobs: int = 0
    """How many of the model's most probable tokens are told for each token of the text; 0 tells none."""
    sampling_probabilities: bool = False
    """Tell the probability with which each token, and each of `top_logprobs`, is drawn after penalties and filters."""
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
        lengths = [len(stop) for stop in self.stop]
        fits = sum(lengths) <= MAX_STOP_CHARACTERS and all(1 <= length <= MAX_STOP_LENGTH for length in lengths)
        _require(fits, "stop", _ACCEPTED_STOPS)
        _require(self.start in ("boundary", "zero"), "start", "'boundary' or 'zero'")
        low, high = REPETITION_PENALTIES
        _require(
            low <= self.repetition_penalty <= high, "repetition_penalty", f"{low:g} to {high:g}; 1 changes nothing"
        )
        for name in ("presence_penalty", "frequency_penalty"):
            _require(abs(getattr(self, name)) <= MAX_PENALTY, name, f"{-MAX_PENALTY:g} to {MAX_PENALTY:g}")
        _require(self.top_logprobs >= 0, "top_logprobs", "0 (none) or more")
        self._check_bias()

    @property
    def adjusts(self) -> bool:
        """Whether penalties or a bias change log-probabilities before a token is drawn."""
        return bool(self.logit_bias or self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1)

    def _check_bias(self) -> None:
        tokens = [token for token, _ in self.logit_bias]
        _require(len(tokens) <= MAX_BIASED_TOKENS, "logit_bias", f"for at most {MAX_BIASED_TOKENS} tokens")
        _require(len(set(tokens)) == len(tokens), "logit_bias", "one number for each token")
        fits = all(token >= 0 and abs(bias) <= MAX_LOGIT_BIAS for token, bias in self.logit_bias)
        _require(fits, "logit_bias", f"{-MAX_LOGIT_BIAS:g} (never) to {MAX_LOGIT_BIAS:g} for token ids from 0 on")


def _require(holds: bool, field: str, accepted: str) -> None:
    if not holds:
        raise InvalidInput(field, f"must be {accepted}")


FinishReason: TypeAlias = Literal["stop", "end", "length", "no_continuation", "cancelled", "failed"]
"""A stop string was complete, `</s>` was sampled, `max_tokens` were; every token left is excluded or impossible; the
sequence was evicted; the model failed."""

TokenLogprobs: TypeAlias = tuple[tuple[int, float], ...]
"""Token ids with the model's log P of each in nats, most probable first, ties by id."""


class SampledEnd(NamedTuple):
    """The `</s>` that ended a text, which is none of its tokens."""

    logprob: float
    """The model's own log P of it in nats."""
    alternatives: TokenLogprobs = ()
    """The model's most probable tokens in its place, where the parameters ask for them."""
    sampling_probabilities: tuple[float, ...] = ()
    """The probability of drawing it, and then of drawing each alternative, where the parameters ask for them."""
