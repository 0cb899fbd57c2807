"""Thresholds of the gibberish check at chosen rates of false reports, found on harmless prompts."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.evaluation.gibberish import score_gibberish
from models.evaluation.gibberish_scores import WINDOW_TOKENS, GibberishScores
from models.inference.prefill import Runtime
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class GibberishThresholds:
    """Thresholds that each report at most a share of harmless prompts; None where there is none."""

    rate: float
    """Largest share of the prompts that one check may report."""
    lp_threshold: float | None
    """Threshold of length over perplexity."""
    ps_ppl_threshold: float | None
    """Threshold of the perplexity of prefix and suffix."""
    window_ppl_threshold: float | None
    """Threshold of the perplexity of windows."""
    jailbreak_rate: float
    """Share of the prompts that Guardrails' two checks report together."""
    jailbreak_rate_with_window: float
    """Share of the prompts that all three report together."""


def calibrate(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    rates: Sequence[float],
    window: int = WINDOW_TOKENS,
    runtime: Runtime | None = None,
) -> Generator[int, None, list[GibberishThresholds]]:
    """Find the thresholds at each of `rates` on harmless prompts; yields the size of each chunk in tokens.

    Raises InvalidInput for a rate that is no share, or of which the prompts are too few to tell.
    """
    for rate in rates:
        check_rate(rate, len(prompts))
    scores = []
    for prompt in prompts:
        score = yield from score_gibberish(model, tokenizer, prompt, window, runtime)
        scores.append(score)
    return [find_thresholds(scores, rate) for rate in rates]


def check_rate(rate: float, prompt_count: int) -> None:
    """Raise InvalidInput for a rate that is no share, or of which so many prompts cannot tell."""
    if not 0 < rate < 1:
        raise InvalidInput("rate", f"must be more than 0 and less than 1, not {rate:g}")
    if math.floor(rate * prompt_count) < 1:
        raise InvalidInput("rate", f"{rate:g} takes {math.ceil(1 / rate)} prompts at least; there are {prompt_count}")


def find_thresholds(scores: Sequence[GibberishScores], rate: float) -> GibberishThresholds:
    """Find the lowest thresholds that each report at most `rate` of the prompts that were scored.

    >>> scores = [GibberishScores(9, 3, 0, 10.0 + i, math.nan, math.nan, 20.0 + i) for i in range(4)]
    >>> found = find_thresholds(scores, 0.25)
    >>> found.window_ppl_threshold, found.ps_ppl_threshold, found.jailbreak_rate_with_window
    (22.0002, None, 0.5)
    """
    allowed = math.floor(rate * len(scores))
    lp, lp_reported = _calibrate([score.length_per_perplexity for score in scores], allowed)
    ps, ps_reported = _calibrate([score.prefix_suffix_perplexity for score in scores], allowed)
    window, window_reported = _calibrate([score.window_perplexity for score in scores], allowed)
    guardrails = lp_reported | ps_reported
    shares = float(guardrails.mean()), float((guardrails | window_reported).mean())
    return GibberishThresholds(rate, lp, ps, window, *shares)


def _calibrate(figures: Sequence[float], allowed: int) -> tuple[float | None, NDArray[np.bool_]]:
    """Return the lowest threshold that `allowed` of the figures [N] reach, and which of them do [N]."""
    values = np.array(figures)
    threshold = _lowest_threshold(values, allowed)
    reported = np.zeros(len(values), np.bool_) if threshold is None else values >= threshold
    return threshold, reported


def _lowest_threshold(values: NDArray[np.float64], allowed: int) -> float | None:
    """Return a threshold just above all `values` but the `allowed` highest; None where that is no number.

    Values of NaN, of prompts that are too short, reach no threshold. The threshold has six digits.
    """
    highest = np.sort(values[~np.isnan(values)])[::-1]
    if allowed >= len(highest) or not 0 < highest[allowed] < math.inf:
        return None
    return float(f"{highest[allowed] * (1 + 1e-5):.6g}")
