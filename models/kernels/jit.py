"""Compiling with Numba: decorators, and LLVM instructions that Numba lacks.

Decorators: `compiled` for loops that Python calls, `inlined` for small parts of them, `subroutine` for what only other
compiled functions call. Everything else here is called from compiled functions.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba import njit, types
from numba.core.cpu import CPUContext
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray

Int: TypeAlias = "int | np.int64"
"""A whole number: an int where Python calls, an int64 in compiled code."""
Floats: TypeAlias = NDArray[np.float32]
"""Numbers in single precision."""
Bytes: TypeAlias = NDArray[np.uint8]
"""Numbers from 0 to 255, or raw memory."""

_INT64 = ir.IntType(64)
_Function = TypeVar("_Function", bound=Callable[..., Any])
_Scalar = TypeVar("_Scalar", bound=np.generic)


def compiled(loop: _Function) -> _Function:
    """Compile a loop that Python calls; it runs without the GIL and is kept in Numba's cache folder.

    The loop must not allocate, because arrays are not reference-counted in it: Numba does not see that counting them at
    every call from one loop to another is needless, and it took four fifths of the time. Bounds are not checked.
    """
    options: dict[str, Any] = {"nogil": True, "cache": True, "_nrt": False}  # the last is not in Numba's type stubs
    return cast("_Function", njit(**options)(loop))


def inlined(part: _Function) -> _Function:
    """Compile a small part of `compiled` loops, of which each loop gets a copy.

    A call would pass arrays field by field: with calls, scoring a text by an n-gram model takes 6 % longer
    (`benchmarks.speed.tricks`).
    """
    options: dict[str, Any] = {"nogil": True, "cache": True, "_nrt": False, "forceinline": True}
    return cast("_Function", njit(**options)(part))


def subroutine(part: _Function) -> _Function:
    """Compile a function that only compiled functions call.

    A division by zero gives infinity or NaN, as in NumPy; a check at every division would keep the compiler from
    making vector instructions.
    """
    return cast("_Function", njit(error_model="numpy")(part))


def llvm_intrinsic(result: types.Type, *arguments: types.Type) -> Callable[[Callable[..., Value]], Callable[..., Any]]:
    """Make a function that compiled functions can call from one that emits its LLVM code.

    The decorated function is given Numba's context, LLVM's builder and the values of the arguments, and returns the
    value of the result. `result` and `arguments` are their types.
    """

    def decorate(generate: Callable[..., Value]) -> Callable[..., Any]:
        def declare(*_: object) -> tuple[Any, Callable[..., Value]]:
            return result(*arguments), lambda context, builder, _, values: generate(context, builder, *values)

        # Numba counts the parameters after the first one; those of `generate` after `builder` are the same.
        declare.__signature__ = Signature(list(signature(generate).parameters.values())[1:])  # type: ignore[attr-defined]
        return cast("Callable[..., Any]", intrinsic(declare))

    return decorate


@llvm_intrinsic(types.voidptr, types.int64)
def pointer(context: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Convert an address to a pointer."""
    del context
    return builder.inttoptr(address, ir.IntType(8).as_pointer())


@subroutine
def array_at(address: int, shape: int | tuple[int, ...], dtype: type[_Scalar] | np.dtype[_Scalar]) -> NDArray[_Scalar]:
    """View the memory at an address as an array, in C order."""
    return carray(pointer(address), shape, dtype)


@llvm_intrinsic(types.int32, types.int64)
def call_c_function(context: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Call the C function without arguments at an address; returns its int, arbitrary if it returns none."""
    del context
    return builder.call(builder.inttoptr(address, ir.FunctionType(ir.IntType(32), []).as_pointer()), [])


@llvm_intrinsic(types.int64, types.int64, types.int64)
def atomic_add(context: CPUContext, builder: IRBuilder, address: Value, number: Value) -> Value:
    """Add to the int64 at an address in one step for all other threads; return its value before."""
    del context
    return builder.atomic_rmw("add", _int64_at(builder, address), number, "acq_rel")


@llvm_intrinsic(types.int64, types.int64)
def atomic_load(context: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Read the int64 at an address, which other threads change by `atomic_add` and `compare_and_swap`.

    Everything that they wrote before such a change can be read afterwards.
    """
    del context
    return builder.load_atomic(_int64_at(builder, address), "acquire", 8)


@llvm_intrinsic(types.boolean, types.int64, types.int64, types.int64)
def compare_and_swap(context: CPUContext, builder: IRBuilder, address: Value, expected: Value, number: Value) -> Value:
    """Set the int64 at an address to `number` if it is `expected`; return whether it was."""
    del context
    return builder.extract_value(
        builder.cmpxchg(_int64_at(builder, address), expected, number, "acq_rel", "acquire"), 1
    )


@llvm_intrinsic(types.int64, types.int64)
def load_int64(context: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Read the eight bytes at an address, which need not be aligned."""
    del context
    return builder.load(_int64_at(builder, address), align=1)


@llvm_intrinsic(types.int64, types.int64)
def count_trailing_zeros(context: CPUContext, builder: IRBuilder, number: Value) -> Value:
    """Count the lowest bits that are 0 of a number other than 0."""
    del context
    return builder.cttz(number, ir.IntType(1)(1))


@llvm_intrinsic(types.void, types.int64)
def prefetch(context: CPUContext, builder: IRBuilder, address: Value) -> Value:
    """Ask for the cache line at an address that will soon be read; an invalid address does no harm."""
    emit_prefetch(builder, address)
    return context.get_dummy_value()  # type: ignore[no-untyped-call]


def emit_prefetch(builder: IRBuilder, address: Value, cache_level: int = 1) -> None:
    """Append the code of `prefetch` to that of another intrinsic; the line is to come up to this cache."""
    place, integer = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place, integer, integer, integer])
    function = builder.module.declare_intrinsic("llvm.prefetch", [place], kind)
    builder.call(function, [builder.inttoptr(address, place), integer(0), integer(4 - cache_level), integer(1)])


def _int64_at(builder: IRBuilder, address: Value) -> Value:
    return builder.inttoptr(address, _INT64.as_pointer())
