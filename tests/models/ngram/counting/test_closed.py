"""Closed vocabularies: the unknown word has no probability, and the others are as if it did not exist."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngram.config import NgramConfig, Smoothing
from models.ngram.counting.closed import without_unknown
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.special_tokens import UNK
from tests.helpers.estimation import (
    LINES,
    SIZE,
    SMOOTHINGS,
    assert_same_counts,
    concat_lines,
    estimate_model,
    next_probabilities,
)


def closed_model(lines: list[list[int]], config: NgramConfig, size: int) -> NgramModel:
    counts = count_ngrams(concat_lines(lines), config.order, size)
    return NgramModel(config, estimate_from_counts(config, counts, closed=True))


@settings(max_examples=150, deadline=None)
@given(LINES, st.integers(1, 4), st.sampled_from(SMOOTHINGS))
def test_without_unknown_gives_words_the_probabilities_of_a_vocabulary_that_has_no_other(
    lines: list[list[int]], order: int, smoothing: Smoothing
) -> None:
    config = NgramConfig(order, smoothing, delta=0.5)
    # In the open model 0 is a word like any other; in the closed one that word is 5, and 0 cannot be.
    rename = {UNK: SIZE}
    opened = estimate_model(lines, config)
    closed = closed_model([[rename.get(i, i) for i in line] for line in lines], config, SIZE + 1)
    for history in [(), (2,), (2, 3), *map(tuple, lines[:3])]:
        expected = next_probabilities(opened, history)
        got = next_probabilities(closed, [rename.get(i, i) for i in history])
        assert got[UNK] == 0
        assert got[1:] == pytest.approx([*expected[1:], expected[0]], rel=1e-5)


@settings(max_examples=50, deadline=None)
@given(LINES, st.integers(1, 4))
def test_without_unknown_leaves_out_ngrams_that_hold_it(lines: list[list[int]], order: int) -> None:
    closed = without_unknown(count_ngrams(concat_lines(lines), order, SIZE))
    ngrams = [{tuple(line[i : i + n]) for line in ([1, *x, 1] for x in lines) for i in range(len(line) - n + 1)}
              for n in range(2, order + 1)]  # fmt: skip
    assert [len(level) for level in closed.levels[1:]] == [sum(UNK not in ngram for ngram in kind) for kind in ngrams]
    assert closed.levels[0].count[UNK] == 0
    assert_same_counts(closed, without_unknown(closed))
    for shorter, level in zip(closed.levels, closed.levels[1:], strict=False):
        assert level.token.tolist() == shorter.token[level.suffix].tolist()


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_estimate_of_a_closed_vocabulary_sums_to_one_with_unknown_words_in_the_text(smoothing: Smoothing) -> None:
    lines = np.random.default_rng(3).integers(0, 9, (60, 8))
    lines[lines == 1] = 2
    bits = 32 if smoothing == "mle" else 8
    threshold = 0.0 if smoothing in ("mle", "add_delta") else 0.01
    model = closed_model(lines.tolist(), NgramConfig(3, smoothing, prune_entropy=threshold, bits=bits), 12)
    model.check()
    for history in [(), (3,), (3, 4), (0,), (3, 0), (11, 10)]:
        row = next_probabilities(model, history)
        assert sum(row) == pytest.approx(1, abs=1e-3 if bits == 8 else 1e-6)
        assert row[UNK] == 0
