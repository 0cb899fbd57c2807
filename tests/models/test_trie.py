"""The compiled loops against plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import trie
from models.ngram import NgramConfig, NgramModel, Smoothing
from tests.models.test_smoothing import SMOOTHINGS, trained

SIZE = 30


def model(smoothing: Smoothing = "kneser_ney", order: int = 4) -> NgramModel:
    lines = np.random.default_rng(5).integers(2, 20, (60, 12)).tolist()
    return trained(lines, NgramConfig(order, smoothing), SIZE)


def test_find_finds_the_children_and_nothing_else() -> None:
    tables = model().tables
    arrays = tables.trie
    for context in range(tables.levels[-2]):
        begin, end = arrays.children[context : context + 2]
        children = {int(arrays.token[node]): node for node in range(begin, end)}
        assert [trie.find(arrays, context, w) for w in range(SIZE)] == [children.get(w, -1) for w in range(SIZE)]


def test_step_agrees_with_row_to_the_last_bit() -> None:
    arrays = model().tables.trie
    for state in [0, 2, 5, 40, 200]:
        row = np.empty(SIZE, np.float32)
        trie.row(arrays, state, row)
        assert [np.float32(trie.step(arrays, state, w)[0]) for w in range(SIZE)] == row.tolist()


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 4])
def test_topk_is_the_head_of_the_sorted_row(smoothing: Smoothing, order: int) -> None:
    subject = model(smoothing, order)
    arrays = subject.tables.trie
    ranked = np.argsort(-arrays.logprob[1 : 1 + SIZE], kind="stable")
    for state in range(0, int(subject.tables.levels[-2]), 7):
        row = np.empty(SIZE, np.float32)
        trie.row(arrays, state, row)
        for k in (1, 3, SIZE):  # many words are equally probable, or have probability zero
            values, words = np.empty(k, np.float32), np.empty(k, np.int64)
            trie.topk(arrays, state, ranked, values, words)
            head = np.argsort(-row, kind="stable")[:k]
            assert words.tolist() == head.tolist()
            assert values.tolist() == row[head].tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, SIZE - 1), max_size=20))
def test_a_state_is_the_longest_suffix_that_is_a_context(words: list[int]) -> None:
    tables = model().tables
    contexts = {tuple(tables.words(n)) for n in range(tables.levels[-2]) if np.diff(tables.trie.children[n : n + 2])}
    states = np.zeros(1, np.int64)
    trie.read(tables.trie, states, np.array([words], np.int64), np.array([len(words)]), len(words))
    expected = next(tuple(words[i:]) for i in range(len(words) + 1) if tuple(words[i:]) in contexts)
    assert tuple(tables.words(int(states[0]))) == expected
