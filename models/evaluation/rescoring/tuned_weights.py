"""Weights of rescoring that tuning found, and the errors with them, as data.

Importing it loads no library that computes, so that schemas can have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from models.utils.arrays import Float64Array

ErrorUnit: TypeAlias = Literal["words", "characters"]
"""What errors are counted in: what blanks separate, or characters that are no blanks."""


@dataclass(frozen=True)
class TunedWeights:
    """Weights for `rescore`; the recogniser's own score has the weight 1."""

    lm_weights: tuple[float, ...]
    """Of the log-probability of each model, in nats."""
    word_bonus: float
    oov_penalties: tuple[float, ...]
    """Of the unknown words of each model."""

    @classmethod
    def of(cls, weights: Float64Array) -> TunedWeights:
        """Return weights [K] of the figures of `score_nbest` by their names."""
        values = [0.0 + float(weight) for weight in weights]
        count = len(values) // 2 - 1
        return cls(tuple(values[1 : count + 1]), values[count + 1], tuple(values[count + 2 :]))


@dataclass(frozen=True)
class TuningErrors:
    """Errors of the hypotheses that are ranked first."""

    first_pass: int
    """By the recogniser's own scores alone."""
    tuned: int
    """By the weights found, on the lists that they were found on: at most as many."""
    held_out: int | None
    """By weights found on the other four fifths of the lists, for each fifth; None for fewer than ten lists."""
    oracle: int
    """Of the hypotheses with the fewest, which no weights can go below."""


@dataclass(frozen=True)
class Tuning:
    """Weights that were found, the errors with them, and the size of the lists."""

    weights: TunedWeights
    errors: TuningErrors
    unit: ErrorUnit
    list_count: int
    hypothesis_count: int
    reference_length: int
    """Words, or characters, of all references: an error rate is errors over it."""

    @property
    def error_rates(self) -> dict[str, float | None]:
        """Errors over the length of the references, by the names of `TuningErrors`."""
        counts = vars(self.errors).items()
        return {name: None if count is None else count / self.reference_length for name, count in counts}
