"""LogprobAdjustment: repetition, presence and frequency penalties and logit bias of one sequence.

They change which tokens are sampled, never the log-probabilities that are told. With c(w) for how often token w was
generated before, prompt excluded, log P(w) becomes, up to renormalization,

    r(w) log P(w) - presence_penalty [c(w) > 0] - frequency_penalty c(w) + logit_bias(w)

where r(w) is the repetition penalty for a token of the prompt or of the text so far, and 1 for others. Presence,
frequency and bias are OpenAI's. The repetition penalty is that of CTRL (Keskar et al. 2019, section 4.1) as Hugging
Face's transformers apply it to negative scores, which log-probabilities always are: P(w) becomes P(w) ** r.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from models.inference.config import MAX_LOGIT_BIAS, SamplingParams
from models.model import Floats


class LogprobAdjustment:
    """Factors and summands of the log-probabilities of one sequence, kept up to date as it grows.

    >>> params = SamplingParams(frequency_penalty=0.5, logit_bias=((2, 1.0),))
    >>> adjust = LogprobAdjustment(params, prompt=[3], generated=[3, 3])
    >>> logprobs = np.log(np.array([0.25, 0.25, 0.25, 0.25], np.float32))
    >>> adjust(logprobs)
    >>> logprobs.round(2)
    array([-1.39, -1.39, -0.39, -2.39], dtype=float32)
    """

    def __init__(self, params: SamplingParams, prompt: Sequence[int], generated: Sequence[int]) -> None:
        """Adjust what follows `prompt` (ids) and `generated`, which may grow between calls."""
        self._params = params
        self._prompt = prompt
        self._generated = generated
        self._biases = dict(params.logit_bias)
        self._counts: Counter[int] = Counter()
        self._counted = 0
        """How many of the generated tokens are counted, and told in factors and summands."""
        self._factors: Floats = np.ones(0, np.float32)
        self._summands: Floats = np.zeros(0, np.float32)
        """[V] each, made at the first call, which tells V."""

    def __call__(self, logprobs: Floats) -> None:
        """Change log-probabilities [V] in place; -inf stays -inf."""
        if not len(self._summands):
            self._begin(len(logprobs))
        self._catch_up()
        if self._params.repetition_penalty != 1:
            logprobs *= self._factors
        with np.errstate(invalid="ignore"):  # +inf, of a model that failed, less inf: NaN shows it as well
            logprobs += self._summands

    def _begin(self, vocabulary_size: int) -> None:
        self._factors = np.ones(vocabulary_size, np.float32)
        self._factors[list(self._prompt)] = self._params.repetition_penalty
        self._summands = np.zeros(vocabulary_size, np.float32)
        for token, bias in self._biases.items():
            self._summands[token] = -np.inf if bias == -MAX_LOGIT_BIAS else bias

    def _catch_up(self) -> None:
        """Take in the tokens that have been generated since the last call."""
        new = self._generated[self._counted :]
        self._counted += len(new)
        for token in new:
            self._counts[token] += 1
            self._factors[token] = self._params.repetition_penalty
            penalty = self._params.presence_penalty + self._params.frequency_penalty * self._counts[token]
            if self._summands[token] > -np.inf:
                self._summands[token] = self._biases.get(token, 0.0) - penalty


def make_adjustment(
    params: SamplingParams, prompt: Sequence[int], generated: Sequence[int]
) -> LogprobAdjustment | None:
    """Return the adjustment of a sequence, None where its parameters ask for none."""
    return LogprobAdjustment(params, prompt, generated) if params.adjusts else None
