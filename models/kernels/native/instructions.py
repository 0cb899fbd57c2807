"""LLVM code of instructions that Numba lacks, for functions of `jit` and `wrapping` of their names.

Imported only when a loop is compiled.
"""

from __future__ import annotations

from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba.core.cpu import CPUContext

_INT64 = ir.IntType(64)


def pointer(_: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Emit the conversion of an address to a pointer."""
    return builder.inttoptr(address, ir.IntType(8).as_pointer())


def call_c_function(_: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Emit a call of the C function without arguments at an address."""
    return builder.call(builder.inttoptr(address, ir.FunctionType(ir.IntType(32), []).as_pointer()), [])


def atomic_add(_: CPUContext, builder: IRBuilder, address: Value, number: Value) -> Value:
    """Emit an atomic addition, whose result is the value before."""
    return builder.atomic_rmw("add", _int64_at(builder, address), number, "acq_rel")


def atomic_load(_: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Emit an atomic load."""
    return builder.load_atomic(_int64_at(builder, address), "acquire", 8)


def compare_and_swap(_: CPUContext, builder: IRBuilder, address: Value, expected: Value, number: Value) -> Value:
    """Emit an atomic comparison and exchange, whose result is whether it was made."""
    return builder.extract_value(
        builder.cmpxchg(_int64_at(builder, address), expected, number, "acq_rel", "acquire"), 1
    )


def load_int64(_: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Emit a load of eight bytes that need not be aligned."""
    return builder.load(_int64_at(builder, address), align=1)


def count_trailing_zeros(_: CPUContext, builder: IRBuilder, number: Value) -> Value:
    """Emit a count of the lowest bits that are 0."""
    return builder.cttz(number, ir.IntType(1)(1))


def prefetch(context: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Emit a prefetch into the first cache."""
    emit_prefetch(builder, address)
    return context.get_dummy_value()  # type: ignore[no-untyped-call]


def emit_prefetch(builder: IRBuilder, address: Value, cache_level: int = 1) -> None:
    """Append the code of a prefetch to that of another instruction; the line is to come up to this cache."""
    place, integer = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place, integer, integer, integer])
    function = builder.module.declare_intrinsic("llvm.prefetch", [place], kind)
    builder.call(function, [builder.inttoptr(address, place), integer(0), integer(4 - cache_level), integer(1)])


def wrapping_add(_: CPUContext, builder: IRBuilder, a: Value, b: Value) -> Value:
    """Emit an addition that may overflow."""
    return builder.add(a, b)


def wrapping_subtract(_: CPUContext, builder: IRBuilder, a: Value, b: Value) -> Value:
    """Emit a subtraction that may overflow."""
    return builder.sub(a, b)


def wrapping_multiply(_: CPUContext, builder: IRBuilder, a: Value, b: Value) -> Value:
    """Emit a multiplication that may overflow."""
    return builder.mul(a, b)


def _int64_at(builder: IRBuilder, address: Value) -> Value:
    return builder.inttoptr(address, _INT64.as_pointer())
