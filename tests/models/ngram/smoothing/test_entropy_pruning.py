"""Relative-entropy pruning against its formula, written out on dictionaries, and its guarantees."""

import math

import numpy as np
import pytest

from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.ngram.smoothing.entropy_pruning import prune_by_entropy
from models.ngram.smoothing.estimator import apply_smoothing, estimate_from_counts, kept_ngrams
from tests.helpers.estimation import concat_lines, estimate_model, next_probabilities

LINES = np.random.default_rng(3).integers(2, 7, (60, 6)).tolist()
SIZE = 8


def test_prune_by_entropy_leaves_out_what_costs_less_than_the_threshold() -> None:
    counts = count_ngrams(concat_lines(LINES), 2, SIZE)
    config = NgramConfig(2)
    kept = kept_ngrams(counts, config.thresholds)
    estimate = apply_smoothing(config, counts, kept)
    level, p, lower = counts.levels[1], estimate.probabilities[1], estimate.probabilities[0]
    parents, tokens = level.parent.tolist(), level.token.tolist()
    costs = []
    for i, h in enumerate(parents):
        rows = [j for j, parent in enumerate(parents) if parent == h]
        # the divergence of the whole distribution after h, word by word, with and without the n-gram
        before = distribution(p, lower, tokens, rows)
        after = distribution(p, lower, tokens, [j for j in rows if j != i])
        divergence = sum(b * math.log(b / a) for b, a in zip(before, after, strict=True))
        history = sum(level.count[j] for j in rows) / counts.levels[0].count.sum()
        costs.append(math.exp(history * divergence) - 1)
    for threshold in (1e-3, 1e-2, 2e-2):
        _, stays = prune_by_entropy(counts, estimate, kept, threshold)
        assert stays[1].tolist() == [cost >= threshold for cost in costs]
        assert stays[0].all()
    assert 0 < sum(cost >= 1e-2 for cost in costs) < len(costs)


def distribution(p: np.ndarray, lower: np.ndarray, tokens: list[int], listed: list[int]) -> list[float]:
    """P of every word when these rows of one context are listed."""
    explicit = {tokens[j]: float(p[j]) for j in listed}
    alpha = (1 - sum(explicit.values())) / (1 - sum(float(lower[w]) for w in explicit))
    return [explicit.get(w, alpha * float(lower[w])) for w in range(SIZE)]


def test_prune_by_entropy_changes_nothing_by_a_tiny_threshold_and_keeps_words_by_a_huge_one() -> None:
    whole = estimate_model(LINES, NgramConfig(4), SIZE)
    same = estimate_model(LINES, NgramConfig(4, prune_entropy=1e-15), SIZE)
    assert same.table.order_sizes == whole.table.order_sizes
    for history in ([], [2], [2, 3], [5, 6, 2]):
        assert next_probabilities(same, history) == pytest.approx(next_probabilities(whole, history), rel=1e-5)
    assert estimate_model(LINES, NgramConfig(4, prune_entropy=10.0), SIZE).table.order_sizes == [SIZE, 0, 0, 0]


def test_prune_by_entropy_keeps_what_longer_ngrams_build_on() -> None:
    config = NgramConfig(4, prune_entropy=2e-3)
    counts = count_ngrams(concat_lines(LINES), 4, SIZE)
    kept = kept_ngrams(counts, config.thresholds)
    _, stays = prune_by_entropy(counts, apply_smoothing(config, counts, kept), kept, config.prune_entropy)
    for level, shorter, chosen in zip(counts.levels[1:], stays, stays[1:], strict=False):
        assert shorter[level.parent[chosen]].all()
    sizes = estimate_from_counts(config, counts).order_sizes
    assert sizes == [int(s.sum()) for s in stays]
    assert 0 < sizes[3] < len(counts.levels[3])
