"""Hashing and probing that compiled functions call."""

import pytest

from models.kernels.hashing import GOLDEN_RATIO, mix_bits, next_slot, slot_count, spread


@pytest.mark.parametrize("entries", [0, 1, 3, 4, 100])
def test_slot_count_is_a_power_of_two_with_two_slots_for_each_entry(entries):
    count = slot_count(entries)
    assert count.bit_count() == 1
    assert count >= 2 * entries


def test_next_slot_goes_on_at_the_beginning():
    assert [next_slot(slot, 3, 6) for slot in (3, 4, 5)] == [4, 5, 3]


def test_mix_bits_spreads_neighbors():
    hashes = {mix_bits(key) & 0xFF for key in range(256)}
    assert len(hashes) > 128


@pytest.mark.parametrize("key", [0, 1, -1, 12345, 2**62, -(2**63)])
def test_spread_is_the_product_modulo_64_bits(key):
    assert spread(key) % 2**64 == key * GOLDEN_RATIO % 2**64
