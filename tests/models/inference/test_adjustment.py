"""Penalties and logit bias against their formulas, written out naively."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.inference.adjustment import LogprobAdjustment, make_adjustment
from models.inference.config import SamplingParams

HALVES = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625], np.float32))
"""Five tokens, of -1, -2, -3, -4, -4 bits."""
BIT = math.log(2)


def adjusted(generated: list[int] = (), prompt: list[int] = (), **params) -> list[float]:
    logprobs = HALVES.copy()
    LogprobAdjustment(SamplingParams(**params), prompt, generated)(logprobs)
    return logprobs.tolist()


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        # Token 2 was generated three times and 4 once; 1 and 2 stand in the prompt.
        ({"presence_penalty": BIT}, [-1, -2, -4, -4, -5]),
        ({"frequency_penalty": BIT}, [-1, -2, -6, -4, -5]),
        ({"presence_penalty": BIT, "frequency_penalty": -2 * BIT}, [-1, -2, 2, -4, -3]),
        ({"repetition_penalty": 1.5}, [-1, -3, -4.5, -4, -6]),
        ({"repetition_penalty": 0.5}, [-1, -1, -1.5, -4, -2]),
        ({"logit_bias": ((0, -100.0), (3, 2 * BIT))}, [-math.inf, -2, -3, -2, -4]),
        # First the factor, then the summands: 2 * -3 - 3 + 1 = -8
        ({"repetition_penalty": 2, "frequency_penalty": BIT, "logit_bias": ((2, BIT),)}, [-1, -4, -8, -4, -9]),
    ],
)
def test_adjustment_is_what_the_formulas_say(params: dict, expected: list[float]) -> None:
    bits = [value / BIT for value in adjusted([2, 4, 2, 2], [1, 2, 1], **params)]
    assert bits == pytest.approx(expected, abs=1e-6)


@given(
    st.lists(st.integers(0, 4), max_size=12),
    st.lists(st.integers(0, 4), max_size=6),
    st.floats(-2, 2),
    st.floats(-2, 2),
    st.floats(0.01, 100),
    st.dictionaries(st.integers(0, 4), st.floats(-100, 100)),
)
def test_adjustment_grows_with_the_text_as_if_made_anew(
    tokens: list[int], prompt: list[int], presence: float, frequency: float, repetition: float, bias: dict[int, float]
) -> None:
    params = SamplingParams(
        presence_penalty=presence,
        frequency_penalty=frequency,
        repetition_penalty=repetition,
        logit_bias=tuple(bias.items()),
    )
    generated: list[int] = []
    growing = LogprobAdjustment(params, prompt, generated)
    for t in range(len(tokens) + 1):
        row, anew = HALVES.copy(), HALVES.copy()
        growing(row)
        LogprobAdjustment(params, prompt, tokens[:t])(anew)
        assert row.tolist() == anew.tolist()
        for token, logprob in enumerate(HALVES.tolist()):
            count = tokens[:t].count(token)
            factor = repetition if token in prompt or count else 1
            value = factor * logprob - (count > 0) * presence - count * frequency + bias.get(token, 0)
            assert row[token] == (-np.inf if bias.get(token) == -100 else pytest.approx(value, rel=1e-5, abs=1e-4))
        generated += tokens[t : t + 1]


def test_adjustment_leaves_impossible_and_broken_rows_as_they_are() -> None:
    row = np.array([-np.inf, 0, np.nan, np.inf], np.float32)
    params = SamplingParams(repetition_penalty=2, presence_penalty=2, logit_bias=((0, 100.0), (3, -100.0)))
    LogprobAdjustment(params, [0, 1, 2, 3], [0])(row)
    assert row[0] == -np.inf
    assert np.isnan(row[2:]).all()


def test_make_adjustment_is_none_without_penalties_and_bias() -> None:
    assert make_adjustment(SamplingParams(temperature=0.5, top_k=3, top_logprobs=4), [1], []) is None
    assert make_adjustment(SamplingParams(presence_penalty=0.1), [1], []) is not None
