"""What is packed unpacks as it was, whatever the widths and whichever numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ngram.trie_builder import UnpackedOrder, pack, pack_column, unpack

NUMBERS = st.floats(-80, 0, width=32) | st.sampled_from([-np.inf, 0.0, -0.0])


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 70), st.integers(1, 300))
def test_what_is_packed_unpacks(data: st.DataObject, words: int, distinct: int) -> None:
    book = np.array(data.draw(st.lists(NUMBERS, min_size=1, max_size=distinct)), np.float32)
    random = np.random.default_rng(distinct)
    lengths = random.integers(0, random.integers(1, words + 1), words)
    runs = np.concatenate([[0], np.cumsum(lengths)])
    tokens = [np.sort(random.permutation(words)[:length]) for length in lengths]
    unigrams = UnpackedOrder(np.arange(words), random.choice(book, words), runs, random.choice(book, words), True)
    bigrams = UnpackedOrder(
        np.concatenate(tokens).astype(np.int64), random.choice(book, runs[-1]), runs[:0], np.empty(0, np.float32), False
    )
    trie = pack([unigrams, bigrams])
    for n, order in enumerate([unigrams, bigrams], start=1):
        for given_, found in zip(order, unpack(trie, n), strict=True):
            assert np.array_equal(np.asarray(given_), np.asarray(found))


@pytest.mark.parametrize(("distinct", "width"), [(1, 1), (2, 1), (3, 2), (256, 8), (257, 9), (100_000, 32)])
def test_few_numbers_stand_in_a_book(distinct: int, width: int) -> None:
    values = np.resize(np.linspace(-9, 0, distinct, dtype=np.float32), 100_000)
    column = pack_column(values)
    assert column.width == width
    assert len(column.codebook) == (0 if width == 32 else distinct)
    if width < 32:
        assert np.array_equal(column.codebook[column.codes], values)


def test_a_book_that_takes_more_room_than_it_spares_is_not_written() -> None:
    column = pack_column(np.linspace(-9, 0, 50, dtype=np.float32))
    assert (column.width, len(column.codebook)) == (32, 0)
