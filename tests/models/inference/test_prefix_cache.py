"""Prefixes that were read before, against a plain dictionary; who is least recently used goes first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.inference.prefix_cache import PrefixCache


def ids(*tokens: int) -> np.ndarray:
    return np.array(tokens, np.int32)


def test_prefix_cache_finds_the_longest_prefix_and_counts_what_it_saved():
    cache = PrefixCache[str](10_000)
    cache.put(ids(1), "1", 8, bos=True)
    cache.put(ids(1, 2, 3), "1 2 3", 8, bos=True)
    cache.put(ids(1, 2, 3, 4), "from nothing", 8, bos=False)
    assert cache.longest_prefix(ids(1, 2, 3, 4), bos=True) == (3, "1 2 3")
    assert cache.longest_prefix(ids(1, 2), bos=True) == (1, "1")
    assert cache.longest_prefix(ids(1, 2, 3, 4), bos=False) == (4, "from nothing")
    assert cache.longest_prefix(ids(2), bos=True) == (0, None)
    assert (cache.hits, cache.misses, cache.cached_tokens) == (3, 1, 3 + 1 + 4)


def test_prefix_cache_counts_an_empty_row_neither_as_hit_nor_miss():
    cache = PrefixCache[str](10_000)
    cache.put(ids(), "nothing", 8, bos=True)
    assert cache.longest_prefix(ids(), bos=True) == (0, None)
    assert (len(cache), cache.hits, cache.misses) == (0, 0, 0)


def test_prefix_cache_drops_the_least_recently_used_first():
    cache = PrefixCache[int](3 * 1600)
    for token in (1, 2, 3):
        cache.put(ids(token), token, 1000, bos=True)  # and some 500 bytes each of its own
    assert cache.longest_prefix(ids(1), bos=True) == (1, 1)
    cache.put(ids(4), 4, 1000, bos=True)
    assert [cache.longest_prefix(ids(token), bos=True)[0] for token in (1, 2, 3, 4)] == [1, 0, 1, 1]


def test_prefix_cache_keeps_nothing_larger_than_itself():
    for capacity in (0, 1000):
        cache = PrefixCache[str](capacity)
        cache.put(ids(1), "large", 1000, bos=True)
        assert (len(cache), cache.bytes) == (0, 0)


Rows = st.lists(st.integers(0, 2), max_size=6).map(lambda tokens: ids(*tokens))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), Rows), max_size=40), st.sampled_from([2_000, 5_000, 10**6]))
def test_prefix_cache_agrees_with_a_dictionary(actions, capacity):
    cache, reference = PrefixCache[tuple](capacity), {}
    for puts, bos, row in actions:
        if puts:
            cache.put(row, tuple(row), 100, bos=bos)
            reference[bos, tuple(row)] = True
        else:
            length, value = cache.longest_prefix(row, bos=bos)
            assert value == (tuple(row[:length]) if length else None)
            if capacity == 10**6:  # nothing was forgotten
                assert length == max(
                    (n for n in range(1, len(row) + 1) if (bos, tuple(row[:n])) in reference), default=0
                )
        assert cache.bytes <= capacity
        assert cache.bytes == sum(size for _, size in cache._entries.values())
