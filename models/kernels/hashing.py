"""Hashing of whole numbers in compiled functions, and probing of open-addressing tables."""

from __future__ import annotations

from models.kernels.jit import Int, inlined
from models.kernels.wrapping import wrapping_multiply

GOLDEN_RATIO = -0x61C8864680B583EB
"""2 ** 64 over the golden ratio, as a signed number (Knuth, The Art of Computer Programming, volume 3, 6.4)."""
LOW_32_BITS = 0xFFFFFFFF
"""A mask for the lower half of an int64."""


def slot_count(entries: int) -> int:
    """Return the size of an open-addressing table, a power of two: at least two slots for each entry."""
    return 2 << entries.bit_length()


@inlined
def next_slot(slot: Int, begin: Int, end: Int) -> Int:
    """Return the slot to probe after `slot` in an open-addressing table that lies from `begin` to `end`."""
    return slot + 1 if slot + 1 < end else begin


@inlined
def mix_bits(key: Int) -> Int:
    """Hash a whole number: its bits are spread over all 64 bits of the result."""
    mixed = spread(key)
    return mixed ^ ((mixed >> 32) & LOW_32_BITS)


@inlined
def spread(key: Int) -> Int:
    """Hash a whole number for tables that read the upper bits only (Fibonacci hashing, Knuth 6.4)."""
    product: Int = wrapping_multiply(key, GOLDEN_RATIO)
    return product
