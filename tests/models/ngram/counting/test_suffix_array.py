"""The order of positions against Python's own sorting of the words that follow."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngram.counting import suffix_array
from models.ngram.counting.suffix_array import SuffixArray, build_suffix_array, sort_equal_runs

TEXTS = st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=60)


def follow(text: list[int], p: int, order: int) -> list[int]:
    """Return the words from `p` on, as far as the line goes; `</s>` at `p` itself begins a line."""
    words = text[p : p + order]
    return words[: words.index(1, 1) + 1] if 1 in words[1:] else words


def common(left: list[int], right: list[int]) -> int:
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def check(text: list[int], order: int, suffixes: SuffixArray) -> None:
    positions, lcp, lengths = (array.tolist() for array in suffixes)
    words = [follow(text, p, order) for p in positions]
    assert sorted(positions) == list(range(len(text)))
    # What a line's end cuts off comes first or between, wherever: it begins no longer n-gram.
    assert [f for f in words if len(f) == order] == sorted(f for f in words if len(f) == order)
    assert lengths == [len(f) for f in words]
    assert lcp == [0, *(common(a, b) for a, b in pairwise(words))]


@settings(deadline=None)
@given(TEXTS, st.integers(1, 9))
def test_suffix_array_is_in_the_order_of_the_words_that_follow(text: list[int], order: int) -> None:
    ids = np.array(text, np.int32)
    words = np.bincount(ids, minlength=4).astype(np.int32)
    with ThreadPoolExecutor(1) as pool:
        check(text, order, build_suffix_array(ids, words, order, [(0, len(ids))], pool))


@pytest.mark.parametrize("bits", [3, 16, 21, 31, 40])
def test_sort_equal_runs_sorts_words_that_do_not_share_a_key_one_after_the_other(bits: int) -> None:
    text = np.random.default_rng(bits).integers(0, 4, 500).tolist()
    ids = np.array(text, np.int32)
    positions = np.array(sorted(range(500), key=lambda p: [*text[p : p + 2], -1][:2]), np.int32)
    lcp, lengths = np.zeros(500, np.uint8), np.ones(500, np.uint8)
    sort_equal_runs(ids, positions, 7, bits, lcp, lengths, np.empty((2, 500), np.int64), np.empty(500, np.int32))
    check(text, 7, SuffixArray(positions, lcp, lengths))


def test_sort_equal_runs_merges_long_runs() -> None:
    numbers = np.random.default_rng(1).integers(0, 300, 1000)
    keys, positions = np.array([numbers, numbers]), np.arange(1000, dtype=np.int32)
    suffix_array.sort_pairs(keys, positions, np.empty_like(positions), 10, 990)
    assert positions[10:990].tolist() == (10 + np.argsort(numbers[10:990], kind="stable")).tolist()
    assert positions[[*range(10), *range(990, 1000)]].tolist() == [*range(10), *range(990, 1000)]
