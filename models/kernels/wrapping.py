"""Arithmetic modulo 2**64 for compiled functions: sums, differences and products that may overflow.

`+`, `-` and `*` must not overflow there. Numba tells LLVM that signed numbers never do (`nsw`), and LLVM leaves out
whatever an overflow would need: a loop that drew random numbers by such a product got the first one again and again.
"""

from __future__ import annotations

from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba import types
from numba.core.cpu import CPUContext

from models.kernels.jit import llvm_intrinsic


@llvm_intrinsic(types.int64, types.int64, types.int64)
def wrapping_add(context: CPUContext, builder: IRBuilder, a: Value, b: Value) -> Value:
    """Return the lowest 64 bits of a sum, as a signed number."""
    del context
    return builder.add(a, b)


@llvm_intrinsic(types.int64, types.int64, types.int64)
def wrapping_subtract(context: CPUContext, builder: IRBuilder, a: Value, b: Value) -> Value:
    """Return the lowest 64 bits of a difference, as a signed number."""
    del context
    return builder.sub(a, b)


@llvm_intrinsic(types.int64, types.int64, types.int64)
def wrapping_multiply(context: CPUContext, builder: IRBuilder, a: Value, b: Value) -> Value:
    """Return the lowest 64 bits of a product, as a signed number."""
    del context
    return builder.mul(a, b)
