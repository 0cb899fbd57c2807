"""N-gram models estimated from a few lines, their counts and predictions, for tests of smoothings and queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.ngram.config import NgramConfig, Smoothing
from models.ngram.counting.counts import Counts
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.ngram.trie import find_child

SMOOTHINGS = get_args(Smoothing)
SIZE, RANDOM_SIZE = 5, 30
LINES = st.lists(st.lists(st.sampled_from([0, 2, 3, 4]), max_size=9), min_size=1, max_size=12)


def concat_lines(lines: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    """Return `lines` as one row of ids [T], each ended by `</s>`."""
    return np.array([i for line in lines for i in (*line, 1)], np.int32)


def estimate_model(lines: Sequence[Sequence[int]], config: NgramConfig, size: int = SIZE) -> NgramModel:
    """Estimate a model from lines of ids."""
    return NgramModel(config, estimate_from_tokens(config, concat_lines(lines), size))


def next_probabilities(model: NgramModel, history: Sequence[int]) -> list[float]:
    """Return the probability of each next word [V] after `history`."""
    state = model.advance(model.begin_state(1), np.array([list(history)], np.int64))
    row: list[float] = np.exp(model.logprobs(state)[0], dtype=np.float64).tolist()
    return row


def unigram_probabilities(model: NgramModel) -> list[float]:
    """Return the probability of each word [V] where nothing was read."""
    row: list[float] = np.exp(model.logprobs(model.null_state(1))[0], dtype=np.float64).tolist()
    return row


def assert_same_counts(left: Counts, right: Counts) -> None:
    """Assert that two counts hold the same n-grams, as often."""
    assert left.vocabulary_size == right.vocabulary_size
    for a, b in zip(left.levels, right.levels, strict=True):
        for name in ("child_offsets", "token", "suffix", "count"):
            assert getattr(a, name).tolist() == getattr(b, name).tolist()


def random_model(smoothing: Smoothing = "kneser_ney", order: int = 4) -> NgramModel:
    """Estimate a model from random lines over RANDOM_SIZE ids."""
    lines = np.random.default_rng(5).integers(2, 20, (60, 12)).tolist()
    return estimate_model(lines, NgramConfig(order, smoothing), RANDOM_SIZE)


def path_of(subject: NgramModel, words: list[int]) -> list[int]:
    """Return the position of each suffix of `words` that can be a context; -1 where it is not listed."""
    places = []
    for n in range(1, subject.table.order):
        place = -1 if n > len(words) else words[-n]
        for m, word in enumerate(words[len(words) - n + 1 :], start=1):
            place = find_child(subject.table.trie, m, place, word) if place >= 0 else -1
        places.append(place)
    return places
