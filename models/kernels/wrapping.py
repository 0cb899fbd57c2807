"""Arithmetic modulo 2**64 for compiled functions: sums, differences and products that may overflow.

`+`, `-` and `*` must not overflow there. Numba tells LLVM that signed numbers never do (`nsw`), and LLVM leaves out
whatever an overflow would need: a loop that drew random numbers by such a product got the first one again and again.
"""

from __future__ import annotations

from models.kernels.jit import INSTRUCTIONS, instruction


@instruction(INSTRUCTIONS)
def wrapping_add(a: int, b: int) -> int:
    """Return the lowest 64 bits of a sum, as a signed number."""
    raise NotImplementedError


@instruction(INSTRUCTIONS)
def wrapping_subtract(a: int, b: int) -> int:
    """Return the lowest 64 bits of a difference, as a signed number."""
    raise NotImplementedError


@instruction(INSTRUCTIONS)
def wrapping_multiply(a: int, b: int) -> int:
    """Return the lowest 64 bits of a product, as a signed number."""
    raise NotImplementedError
