"""Thresholds of the gibberish check keep the rates of false reports that they were asked for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.evaluation.gibberish_scores import GibberishScores
from models.evaluation.gibberish_thresholds import calibrate, find_thresholds
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

PERPLEXITIES = st.floats(1, 1e6) | st.just(math.inf) | st.just(math.nan)


def of_window(perplexity: float) -> GibberishScores:
    return GibberishScores(9, 3, 0, math.nan, math.nan, math.nan, perplexity)


@given(st.lists(PERPLEXITIES, min_size=4, max_size=40), st.sampled_from([0.25, 0.5]))
def test_find_thresholds_reports_at_most_the_rate(perplexities: list[float], rate: float) -> None:
    found = find_thresholds([of_window(value) for value in perplexities], rate)
    threshold = found.window_ppl_threshold
    if threshold is not None:
        assert sum(value >= threshold for value in perplexities) <= rate * len(perplexities)
        # A lower one would report more: a value lies just below it.
        assert any(threshold * (1 - 2e-5) <= value < threshold for value in perplexities)
    assert (found.lp_threshold, found.ps_ppl_threshold, found.jailbreak_rate) == (None, None, 0)


def test_find_thresholds_has_none_below_infinity() -> None:
    scores = [of_window(value) for value in (math.inf, math.inf, 3.0, 2.0)]
    assert find_thresholds(scores, 0.25).window_ppl_threshold is None
    assert find_thresholds(scores, 0.5).window_ppl_threshold == pytest.approx(3, rel=2e-5)


def test_calibrate_measures_the_prompts() -> None:
    # P(a) = 1/4, P(b) = 1/2: the windows of 1 have perplexities 4, 2, 2, 2, and length over perplexity is 3 / 4 and
    # three times 3 / 2.
    model = Bigram([[1 / 8, 1 / 8, 1 / 4, 1 / 2]] * 5)
    tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "a", "b"])
    (found,) = run_to_completion(calibrate(model, tokenizer, ["b a", "a b", "b b", "a b"], [0.25], window=1))
    assert found.window_ppl_threshold == pytest.approx(2, rel=2e-5)
    assert found.lp_threshold == pytest.approx(1.5, rel=2e-5)
    assert (found.jailbreak_rate, found.jailbreak_rate_with_window) == (0, 0.25)


@pytest.mark.parametrize(("rate", "message"), [(0, "less than 1"), (1, "less than 1"), (0.3, "takes 4 prompts")])
def test_calibrate_refuses_rates_that_prompts_cannot_tell(rate: float, message: str) -> None:
    model, tokenizer = Bigram.random(4), Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "a", "b"])
    with pytest.raises(InvalidInput, match=message):
        run_to_completion(calibrate(model, tokenizer, ["a b"] * 3, [rate]))
