"""Sentences with a subject at a known distance, and odds factors of models that are known."""

import random
from typing import Any

import numpy as np
import pytest

from app.experiments.changed_word import ORDER, estimate_ngrams
from app.experiments.finding import ExperimentInput
from app.experiments.long_distance import (
    DISTANCES,
    NOUNS,
    VOCABULARY,
    _claims,
    _template_inputs,
    filler,
    log_odds_factors,
    template_context,
)


@pytest.mark.parametrize("distance", DISTANCES)
def test_filler_has_the_length_asked_for(distance: int) -> None:
    words = filler(distance, random.Random(1))
    assert len(words) == distance
    assert set(words) <= set(VOCABULARY)
    assert not {noun for pair in NOUNS for noun in pair} & set(words)  # nothing else tells a number


def test_template_context_differs_in_the_subject_only() -> None:
    singular, plural = template_context(8, random.Random(2))
    assert (singular[1], plural[1]) in NOUNS
    assert singular[2:] == plural[2:]


def test_log_odds_factors_of_a_model_that_knows_the_subject() -> None:
    plurals = {VOCABULARY.index(plural) for _, plural in NOUNS}

    class Knowing:
        """After a plural the odds of "were" are 3 to 1, after a singular 1 to 2."""

        def begin_state(self, rows: int) -> Any:
            return None

        def advance(self, state: Any, tokens: Any) -> Any:
            return np.isin(tokens[:, 1], list(plurals))

        def logprobs(self, state: Any) -> Any:
            rows = np.full((len(state), len(VOCABULARY)), -9.0, np.float32)
            rows[:, VOCABULARY.index("was")] = 0
            rows[:, VOCABULARY.index("were")] = np.where(state, np.log(3), np.log(0.5))
            return rows

    factors = log_odds_factors(Knowing(), VOCABULARY, seed=1)  # type: ignore[arg-type]
    assert factors.shape == (len(DISTANCES), 200)
    assert np.exp(factors) == pytest.approx(np.full_like(factors, 6), rel=1e-5)


def test_log_odds_factors_of_ngrams_are_zero_out_of_reach() -> None:
    inputs = _template_inputs(ExperimentInput(np.zeros(0), np.zeros(0), [], 4, 1.0, 1))
    factors = log_odds_factors(estimate_ngrams(inputs.train, len(VOCABULARY)), VOCABULARY, seed=1)
    assert factors[0].mean() > 1
    assert (factors[[distance >= ORDER - 1 for distance in DISTANCES]] == 0).all()


def test_long_distance_claims_leave_open_what_nobody_has_learned() -> None:
    forgetful, unlearned = np.zeros((len(DISTANCES), 5)), np.zeros((len(DISTANCES), 5))
    forgetful[0] = 9.0  # knows the number of a neighbour, and of nothing else
    factors = {"5-gram": [forgetful] * 3, "rnn": [forgetful] * 3, "gru": [unlearned] * 3, "lstm": [forgetful + 9] * 3}
    verdicts = [claim.verdict for claim in _claims(factors)]
    assert verdicts == ["holds", "does not hold", "not decided", "holds", "not decided", "holds"]
