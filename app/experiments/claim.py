"""Verdicts on claims: differences over seeds, their mean and spread, and what they decide.

A verdict rests on a 95 % interval for the mean over seeds (Student's t), so that neither one lucky seed nor a
processor's rounding can turn it: where the interval allows both answers, nothing is decided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["holds", "does not hold", "not decided"]

T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom; the last serves for more, on the safe side."""


@dataclass(frozen=True)
class Claim:
    """A sentence that courses teach, and what this run says of it.

    >>> at_least("cats sleep more than dogs", "hours, cats less dogs", [4.1, 3.9, 4.0]).verdict
    'holds'
    >>> at_least("cats sleep more than dogs", "hours, cats less dogs", [4.1, -3.9, 0.2]).verdict
    'not decided'
    """

    text: str
    measured: str
    """What `values` are, with the unit."""
    values: tuple[float, ...]
    """One for each seed."""
    verdict: Verdict
    accepted: tuple[float, float] | None = None
    """Between which numbers the mean of `values` has to lie; None where each value is a yes (1) or a no (0)."""

    @property
    def mean(self) -> float:
        """Mean of the values."""
        return fmean(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation of the values; 0 for a single one, infinite where a value is."""
        return spread(self.values)

    def __str__(self) -> str:
        """Return the verdict, the claim and its figures in one line."""
        figures = f"{self.mean:.4g} ± {self.spread:.2g}, n = {len(self.values)}"
        return f"{self.verdict.upper()}: {self.text} ({self.measured}: {figures})"

    def as_json(self) -> dict[str, Any]:
        """Return everything JSON-ready, with the interval; numbers that are not finite become None."""
        return {
            "text": self.text,
            "verdict": self.verdict,
            "measured": self.measured,
            "values": [finite(value) for value in self.values],
            "mean": finite(self.mean),
            "spread": finite(self.spread),
            "interval": self.accepted and [finite(end) for end in interval(self.values)],
            "accepted": self.accepted and [finite(end) for end in self.accepted],
        }


def at_least(text: str, measured: str, values: Sequence[float], bound: float = 0.0) -> Claim:
    """Decide a claim that a mean is above `bound`."""
    low, high = interval(values)
    measured += f", against {bound:g}" if bound else ""
    return Claim(text, measured, tuple(values), _verdict(low > bound, high <= bound), (bound, math.inf))


def within(text: str, measured: str, values: Sequence[float], bound: float) -> Claim:
    """Decide a claim that a mean is nothing to speak of: between -`bound` and `bound`."""
    low, high = interval(values)
    measured += f", against ±{bound:g}"
    verdict = _verdict(-bound < low and high < bound, low > bound or high < -bound)
    return Claim(text, measured, tuple(values), verdict, (-bound, bound))


def always(text: str, measured: str, outcomes: Sequence[bool]) -> Claim:
    """Decide a claim that an outcome is yes for every seed: refuted by none, undecided by some."""
    return Claim(text, measured, tuple(map(float, outcomes)), _verdict(all(outcomes), not any(outcomes)))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean: the whole line for a single value.

    Where a training diverged, and a value is infinite, the interval is the range of the values.
    """
    if len(values) < 2 or any(map(math.isnan, values)):
        return -math.inf, math.inf
    if any(map(math.isinf, values)):
        return min(values), max(values)
    half = T_QUANTILES[min(len(values) - 1, len(T_QUANTILES)) - 1] * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation over seeds: 0 for one value, infinite where one is not finite."""
    if not all(map(math.isfinite, values)):
        return math.inf
    return stdev(values) if len(values) > 1 else 0.0


def summary(name: str, values: Sequence[float]) -> dict[str, float | None]:
    """Return mean and spread as two cells of a row: `name` and `name_spread`."""
    return {name: finite(fmean(values)), f"{name}_spread": finite(spread(values))}


def finite(value: float) -> float | None:
    """Return a number that JSON has, or None."""
    return value if math.isfinite(value) else None


def _verdict(holds: bool, refuted: bool) -> Verdict:
    """Return the verdict of two tests that exclude each other."""
    if holds:
        return "holds"
    return "does not hold" if refuted else "not decided"
