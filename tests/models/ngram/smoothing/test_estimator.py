"""The smoothings against their formulas, on random small corpora and on degenerate ones."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngram.config import NgramConfig, Smoothing
from models.ngram.smoothing.estimator import estimate_from_tokens, fallback_notes
from tests.helpers.estimation import LINES, SIZE, SMOOTHINGS, estimate_model, next_probabilities
from tests.helpers.reference import Reference

PRUNE = st.lists(st.integers(0, 2), max_size=3).map(lambda steps: (0, *np.cumsum(steps).tolist()))


def histories(lines: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return histories of some words of `lines`, and some that never occur."""
    seen = {tuple(line[:i]) for line in lines[:4] for i in range(len(line) + 1)}
    return [*sorted(seen)[:12], (4, 4, 4), (0, 2), (3, 2, 3, 0)]


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(1, 6), st.sampled_from(["mle", "add_delta"]))
def test_estimate_of_ratios_equals_the_formula(lines: list[list[int]], order: int, smoothing: Smoothing) -> None:
    model = estimate_model(lines, NgramConfig(order, smoothing, delta=0.5))
    reference = Reference(lines, order, SIZE)
    for history in histories(lines):
        expected = [reference.probability(smoothing, w, history, delta=0.5) for w in range(SIZE)]
        assert next_probabilities(model, history) == pytest.approx(expected, rel=1e-5)


DISCOUNTING = [smoothing for smoothing in SMOOTHINGS if smoothing not in ("mle", "add_delta", "jelinek_mercer")]


@settings(max_examples=200, deadline=None)
@given(LINES, st.integers(1, 6), PRUNE, st.sampled_from(DISCOUNTING))
def test_estimate_of_discounting_equals_the_formula_cut_off_or_not(
    lines: list[list[int]], order: int, prune: tuple[int, ...], smoothing: Smoothing
) -> None:
    prune = prune[:order]
    model = estimate_model(lines, NgramConfig(order, smoothing, prune=prune))
    reference = Reference(lines, order, SIZE, prune)
    for history in histories(lines):
        expected = [reference.probability(smoothing, w, history) for w in range(SIZE)]
        assert next_probabilities(model, history) == pytest.approx(expected, rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(LINES, st.integers(1, 4), PRUNE)
def test_estimate_of_mixed_frequencies_equals_the_formula(
    lines: list[list[int]], order: int, prune: tuple[int, ...]
) -> None:
    model = estimate_model(lines, NgramConfig(order, "jelinek_mercer", prune=prune[:order]))
    reference = Reference(lines, order, SIZE, prune[:order])
    for history in histories(lines):
        expected = [reference.probability("jelinek_mercer", w, history) for w in range(SIZE)]
        assert next_probabilities(model, history) == pytest.approx(expected, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(LINES, st.integers(2, 5), PRUNE, st.floats(1e-4, 0.3), st.sampled_from([*DISCOUNTING, "jelinek_mercer"]))
def test_estimate_of_pruned_models_sums_to_one(
    lines: list[list[int]], order: int, prune: tuple[int, ...], threshold: float, smoothing: Smoothing
) -> None:
    model = estimate_model(lines, NgramConfig(order, smoothing, prune=prune[:order], prune_entropy=threshold))
    for history in histories(lines):
        assert sum(next_probabilities(model, history)) == pytest.approx(1, abs=1e-6)


DEGENERATE = {
    "one word": [[2]],
    "one word, often": [[2] * 50],
    "one line": [[2, 3, 2, 4, 3]],
    "empty lines only": [[], [], []],
    "only the unknown word": [[0, 0], [0]],
    "all words everywhere": [[a, b] for a in (0, 2, 3, 4) for b in (0, 2, 3, 4)] * 2 + [[]],
}


@pytest.mark.parametrize("lines", DEGENERATE.values(), ids=DEGENERATE.keys())
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3, 12])
def test_estimate_of_degenerate_corpora_sums_to_one(lines: list[list[int]], smoothing: Smoothing, order: int) -> None:
    model = estimate_model(lines, NgramConfig(order, smoothing, delta=0.1), size=7)
    for history in histories(lines):
        assert sum(next_probabilities(model, history)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("order", range(1, 13))
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_estimate_sums_to_one_at_every_order(smoothing: Smoothing, order: int) -> None:
    lines = np.random.default_rng(order).integers(2, 30, (40, 15)).tolist()
    lines += lines[:10]
    prune = () if smoothing in ("mle", "add_delta") else (0, 0, 1)[:order]
    model = estimate_model(lines, NgramConfig(order, smoothing, prune=prune), size=40)
    for history in [(), *[line[:i] for line in lines[:3] for i in (1, 7, 15)], (39, 38), (5, 31, 5)]:
        assert sum(next_probabilities(model, history)) == pytest.approx(1, abs=1e-6)


def test_estimate_with_cut_offs_leaves_out_rare_ngrams_and_keeps_every_word() -> None:
    lines = [[2, 3, 4], [2, 3, 3], [2, 3, 4]]
    # bigrams: <s> 2 x3, 2 3 x3, 3 4 x2, 4 </s> x2, 3 3 x1, 3 </s> x1; trigrams: <s> 2 3 x3, 2 3 4 x2, 3 4 </s> x2, ...
    table = estimate_model(lines, NgramConfig(3, prune=(0, 1, 2))).table
    assert table.order_sizes == [5, 4, 1]


@pytest.mark.parametrize(
    ("smoothing", "taken"),
    [
        ("kneser_ney", "0.5, 1 and 1.5"),
        ("interpolated_kneser_ney", "0.5 was"),
        ("katz", "absolute"),
        ("backoff", "0.5"),
    ],
)
def test_fallback_notes_tell_orders_and_what_was_taken(smoothing, taken: str) -> None:
    config = NgramConfig(2, smoothing)
    table = estimate_from_tokens(config, np.array([2, 3, 1] * 3), 5)
    (note,) = fallback_notes(config, table)
    assert note.startswith("the counts of orders 1, 2 give no discounts")
    assert taken in note


def test_fallback_notes_are_none_where_discounts_were_estimated() -> None:
    text = np.random.default_rng(5).zipf(1.3, 5000) % 300 + 2
    text[::11] = 1
    config = NgramConfig(2)
    assert fallback_notes(config, estimate_from_tokens(config, text, 302)) == []
