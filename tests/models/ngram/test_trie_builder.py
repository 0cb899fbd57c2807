"""Packed orders unpack as they were, whatever the widths and the numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngram.trie_builder import UnpackedOrder, pack, pack_column, unpack

NUMBERS = st.floats(-80, 0, width=32) | st.sampled_from([-np.inf, 0.0, -0.0])


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 70), st.integers(1, 300))
def test_unpack_is_the_inverse_of_pack(data: st.DataObject, words: int, distinct: int) -> None:
    numbers = np.array(data.draw(st.lists(NUMBERS, min_size=1, max_size=distinct)), np.float32)
    random = np.random.default_rng(distinct)
    sizes = random.integers(0, random.integers(1, words + 1), words)
    child_offsets = np.concatenate([[0], np.cumsum(sizes)])
    tokens = [np.sort(random.permutation(words)[:size]) for size in sizes]
    unigrams = UnpackedOrder(
        np.arange(words), random.choice(numbers, words), child_offsets, random.choice(numbers, words), True
    )
    bigrams = UnpackedOrder(
        np.concatenate(tokens).astype(np.int64),
        random.choice(numbers, child_offsets[-1]),
        child_offsets[:0],
        np.empty(0, np.float32),
        False,
    )
    trie = pack([unigrams, bigrams])
    for n, order in enumerate([unigrams, bigrams], start=1):
        for packed, unpacked in zip(order, unpack(trie, n), strict=True):
            assert np.array_equal(np.asarray(packed), np.asarray(unpacked))


@pytest.mark.parametrize(("distinct", "width"), [(1, 1), (2, 1), (3, 2), (256, 8), (257, 9), (100_000, 32)])
def test_pack_column_uses_a_codebook_for_few_numbers(distinct: int, width: int) -> None:
    values = np.resize(np.linspace(-9, 0, distinct, dtype=np.float32), 100_000)
    column = pack_column(values)
    assert column.width == width
    assert len(column.codebook) == (0 if width == 32 else distinct)
    if width < 32:
        assert np.array_equal(column.codebook[column.codes], values)


def test_pack_column_uses_no_codebook_that_takes_more_room_than_it_saves() -> None:
    column = pack_column(np.linspace(-9, 0, 50, dtype=np.float32))
    assert (column.width, len(column.codebook)) == (32, 0)
