"""Count ratios against the textbook."""

import math

import numpy as np
import pytest

from models.ngram.config import NgramConfig
from tests.helpers.estimation import estimate_model, next_probabilities

STUDENTS, OPENED, THEIR, BOOKS, MINDS, EXAMS = range(2, 8)
TEXTBOOK = [[STUDENTS, OPENED, THEIR, w] for w, n in [(BOOKS, 400), (EXAMS, 100), (MINDS, 500)] for _ in range(n)]
"""Jurafsky and Martin by way of many lectures: 1000 times "students opened their", 400 of them "books"."""


def test_mle_of_the_textbook_example() -> None:
    row = next_probabilities(estimate_model(TEXTBOOK, NgramConfig(4, "mle"), size=9), [STUDENTS, OPENED, THEIR])
    assert math.isclose(row[BOOKS], 0.4, rel_tol=1e-6)
    assert math.isclose(row[EXAMS], 0.1, rel_tol=1e-6)
    assert row[STUDENTS] == 0


def test_mle_of_an_unseen_context_is_that_of_its_longest_seen_suffix() -> None:
    model = estimate_model(TEXTBOOK, NgramConfig(4, "mle"), size=9)
    assert math.isclose(next_probabilities(model, [EXAMS, OPENED, THEIR])[BOOKS], 0.4, rel_tol=1e-6)
    # after an unknown word only the unigrams are left: 400 books in 5000 tokens
    assert math.isclose(next_probabilities(model, [0])[BOOKS], 0.08, rel_tol=1e-6)


def test_mle_gives_zero_never_nan() -> None:
    model = estimate_model(TEXTBOOK, NgramConfig(4, "mle"), size=9)
    scores, state = model.score(model.begin_state(1), np.array([[BOOKS, 8, STUDENTS]]))
    assert scores.tolist()[0][:2] == [-math.inf, -math.inf]
    assert not np.isnan(model.logprobs(state)).any()


def test_add_delta_by_hand() -> None:
    model = estimate_model(TEXTBOOK, NgramConfig(4, "add_delta", delta=2.0), size=9)
    row = next_probabilities(model, [STUDENTS, OPENED, THEIR])
    assert math.isclose(row[BOOKS], 402 / 1018, rel_tol=1e-6)
    assert math.isclose(row[STUDENTS], 2 / 1018, rel_tol=1e-6)


def test_add_delta_is_small_by_default() -> None:
    # one line of one word a: c(<s>) = 1, V = 3: P(a) = (1 + 0.01) / (1 + 0.03), the others 0.01 / 1.03
    model = estimate_model([[2]], NgramConfig(2, "add_delta"), size=3)
    assert next_probabilities(model, []) == pytest.approx([0.01 / 1.03, 0.01 / 1.03, 1.01 / 1.03], rel=1e-6)


def test_add_delta_of_an_unseen_context_is_uniform() -> None:
    model = estimate_model(TEXTBOOK, NgramConfig(4, "add_delta"), size=9)
    assert all(math.isclose(p, 1 / 9, rel_tol=1e-6) for p in next_probabilities(model, [EXAMS, OPENED, THEIR]))
