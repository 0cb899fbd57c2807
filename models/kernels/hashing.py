"""Whole numbers spread over 64 bits, for the tables that compiled loops look into.

It knows numbers. It does not know what they stand for, nor tables.
"""

from __future__ import annotations

from models.kernels.compiled import Int, inlined

MULTIPLIER = -0x61C8864680B583EB
"""2 ** 64 over the golden ratio, as a signed number (Knuth, The Art of Computer Programming, volume 3, 6.4)."""
LOWER_HALF = 0xFFFFFFFF


@inlined
def mixed(key: Int) -> Int:
    """Bits of `key` all over the result."""
    key *= MULTIPLIER
    return key ^ ((key >> 32) & LOWER_HALF)
