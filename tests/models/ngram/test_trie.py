"""Single fields of a trie by hand; whole tables are read in test_backoff_table and test_query."""

import numpy as np
import pytest

from models.ngram.trie import read_bits, sum_nibbles


@pytest.mark.parametrize(("at", "width", "expected"), [(0, 8, 0x21), (4, 8, 0x32), (8, 16, 0x6543), (3, 57, None)])
def test_read_bits_reads_fields_that_begin_anywhere(at: int, width: int, expected: int | None) -> None:
    data = np.array([0x21, 0x43, 0x65, 0x87, 0xA9, 0xCB, 0xED, 0x0F, 0, 0], np.uint8)
    whole = int.from_bytes(data.tobytes(), "little")
    assert read_bits(data, at, width) == (whole >> at) % 2**width
    assert expected is None or read_bits(data, at, width) == expected


def test_sum_nibbles_adds_them_up() -> None:
    assert sum_nibbles(0) == 0
    assert sum_nibbles(0x123456789ABCDEF) == 120
    assert sum_nibbles(0xEEEEEEEEEEEEEEE) == 15 * 14
