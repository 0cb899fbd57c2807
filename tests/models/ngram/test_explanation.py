"""Explanations against the formulas that their numbers belong to."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from models.ngram.config import NgramConfig, Smoothing
from models.ngram.count_table import CountTable
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.special_tokens import EOS
from tests.helpers.estimation import SMOOTHINGS, concat_lines

STUDENTS, OPENED, THEIR, BOOKS, EXAMS, LAPTOPS = range(2, 8)
SIZE = 9
LINES = [[STUDENTS, OPENED, THEIR, BOOKS]] * 4 + [[STUDENTS, OPENED, THEIR, EXAMS]] + [[OPENED, THEIR, LAPTOPS]] * 2
RANDOM_LINES = np.random.default_rng(4).integers(2, 12, (60, 9)).tolist()


def counted(config: NgramConfig, lines: list[list[int]] = LINES, size: int = SIZE, *, keep: bool = True) -> NgramModel:
    """Return the model of some lines, with or without their counts."""
    counts = count_ngrams(concat_lines(lines), config.order, size)
    model = NgramModel(config, estimate_from_counts(config, counts))
    if keep:
        model.attach_counts(lambda: CountTable(counts.levels))
    return model


def explained(model: NgramModel, context: list[int]) -> dict[str, Any]:
    return model.explain(model.advance(model.begin_state(1), np.array([context])))


def test_explain_path_has_the_counts_by_hand() -> None:
    explanation = explained(counted(NgramConfig(3, "mle")), [STUDENTS, OPENED, THEIR])
    whole, shorter, empty = explanation["backoff"]
    # after "opened their" come books 4 times, exams once and laptops twice
    assert (whole["context"], whole["context_count"], whole["successors"]) == ([OPENED, THEIR], 7, 3)
    words = {word["token"]: word for word in whole["next"]}
    assert words[BOOKS] == {"token": BOOKS, "listed": True, "logprob": pytest.approx(math.log(4 / 7)), "count": 4}
    # bigrams of "their": only "opened" comes before it, so each word after it has one predecessor
    assert (shorter["context_count"], shorter["context_continuation_count"]) == (7, 3)
    assert [word["continuation_count"] for word in shorter["next"][:3]] == [1, 1, 1]
    # five lines of five tokens with their end, two of four
    assert (empty["context_count"], empty["context"]) == (5 * 5 + 2 * 4, [])
    assert explanation["undefined_context"] is False


def test_explain_path_without_counts_has_what_the_table_can_tell() -> None:
    explanation = explained(counted(NgramConfig(3, "kneser_ney"), keep=False), [OPENED, THEIR])
    assert explanation["smoothing"] == "kneser_ney"
    for part in explanation["backoff"]:
        assert set(part) == {"order", "context", "listed", "weight", "discounts", "next"}
        assert set(part["next"][0]) == {"token", "listed", "logprob"}
    assert "undefined_context" not in explanation


@pytest.mark.parametrize(
    ("smoothing", "field"),
    [
        ("katz", "discounts"),
        ("absolute", "discounts"),
        ("jelinek_mercer", "interpolation_weights"),
        ("add_delta", "delta"),
    ],
)
def test_explain_path_has_what_the_counts_were_smoothed_with(smoothing: Smoothing, field: str) -> None:
    parts = explained(counted(NgramConfig(2, smoothing, delta=0.25), RANDOM_LINES, 14), [3])["backoff"]
    assert all(field in part for part in parts)
    if smoothing == "add_delta":
        assert parts[0]["delta"] == 0.25


@pytest.mark.parametrize("smoothing", ["kneser_ney", "interpolated_kneser_ney"])
def test_explain_path_numbers_make_the_probabilities_of_kneser_ney(smoothing: Smoothing) -> None:
    model = counted(NgramConfig(3, smoothing), RANDOM_LINES, 14)
    for context in ([], [3], [5, 7], [5, 7, 3], [13]):
        parts = explained(model, context)["backoff"]
        for part, below in pairwise(parts):
            lower = {word["token"]: word["logprob"] for word in below["next"]}
            # continuation counts smooth the orders below the highest, but for what begins at the boundary
            plain = part["order"] == 3 or part["context"][0] == EOS
            total = part["context_count" if plain else "context_continuation_count"]
            for word in part["next"]:
                c = word["count" if plain else "continuation_count"]
                share = 0.0 if not c else (c - part["discounts"][min(c, len(part["discounts"])) - 1]) / total
                if word["listed"]:
                    p = share + part["weight"] * math.exp(lower[word["token"]])
                    assert math.exp(word["logprob"]) == pytest.approx(p, rel=1e-5)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_explain_path_leads_to_the_probability_of_each_word(smoothing: Smoothing) -> None:
    model = counted(NgramConfig(3, smoothing), RANDOM_LINES, 14)
    for context in ([], [3], [5, 7, 3], [13, 0]):
        state = model.advance(model.begin_state(1), np.array([context], np.int64).reshape(1, -1))
        row, parts = model.logprobs(state)[0], model.explain(state)["backoff"]
        for i, word in enumerate(parts[0]["next"]):
            listing = next(k for k, part in enumerate(parts) if part["next"][i]["listed"])
            entry = parts[listing]["next"][i]
            weights = sum(math.log(part["weight"]) if part["weight"] else -math.inf for part in parts[:listing])
            logprob = -math.inf if entry["logprob"] is None else entry["logprob"]
            assert row[word["token"]] == pytest.approx(weights + logprob, abs=1e-5)
