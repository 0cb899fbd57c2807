"""Single machine instructions that compiled functions lack: addresses as pointers, C functions, counting together.

It knows how LLVM writes an instruction and how numba is told of it. It does not know what they are used for.

How this package compiles loops that only read and write arrays they are given.

It knows Numba's options; it does not know any loop.

Whole numbers spread over 64 bits, for the tables that compiled loops look into.

It knows numbers. It does not know what they stand for, nor tables.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any, TypeAlias, TypeVar, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

_INT64 = ir.IntType(64)


def llvm_intrinsic(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a function that compiled functions can call of one that builds its code.

    `result` and `arguments` are numba types. The decorated function is given numba's context and LLVM's builder, then
    the values, and returns the value of the result.
    """

    def decorate(generate: Callable[..., Any]) -> Any:
        def declare(typing: Any, *given: Any) -> Any:
            del typing, given
            return result(*arguments), lambda context, builder, _, values: generate(context, builder, *values)

        # Numba counts the parameters after the first one; those of `generate` after `builder` are the same.
        declare.__signature__ = Signature(list(signature(generate).parameters.values())[1:])  # type: ignore[attr-defined]
        return intrinsic(declare)

    return decorate


@llvm_intrinsic(types.voidptr, types.int64)
def pointer(context: Any, builder: Any, address: Any) -> Any:
    """The pointer to an address."""
    return builder.inttoptr(address, context.get_value_type(types.voidptr))


@llvm_intrinsic(types.int32, types.int64)
def call_c_function(context: Any, builder: Any, address: Any) -> Any:
    """Call the C function without arguments at an address; its int result, which means nothing where it has none."""
    del context
    return builder.call(builder.inttoptr(address, ir.FunctionType(ir.IntType(32), []).as_pointer()), [])


@llvm_intrinsic(types.int64, types.voidptr, types.int64)
def atomic_add(context: Any, builder: Any, counter: Any, number: Any) -> Any:
    """Add to the int64 at a pointer and return what it was, as if no other thread did the same meanwhile."""
    del context
    return builder.atomic_rmw("add", builder.bitcast(counter, _INT64.as_pointer()), number, "acq_rel")


@llvm_intrinsic(types.int64, types.voidptr)
def atomic_load(context: Any, builder: Any, counter: Any) -> Any:
    """The int64 at a pointer, and with it what other threads wrote before they changed it."""
    del context
    return builder.load_atomic(builder.bitcast(counter, _INT64.as_pointer()), "acquire", 8)


@llvm_intrinsic(types.boolean, types.voidptr, types.int64, types.int64)
def compare_and_swap(context: Any, builder: Any, counter: Any, expected: Any, number: Any) -> Any:
    """Make the int64 at a pointer `number` if it is what is expected; whether it was."""
    del context
    place = builder.bitcast(counter, _INT64.as_pointer())
    return builder.extract_value(builder.cmpxchg(place, expected, number, "acq_rel", "acquire"), 1)


@llvm_intrinsic(types.int64, types.int64)
def load_int64(context: Any, builder: Any, address: Any) -> Any:
    """The eight bytes at an address, which need not be a multiple of anything."""
    del context
    return builder.load(builder.inttoptr(address, _INT64.as_pointer()), align=1)


@llvm_intrinsic(types.int64, types.int64)
def count_trailing_zeros(context: Any, builder: Any, number: Any) -> Any:
    """How many of the lowest bits of a number other than 0 are 0."""
    del context
    return builder.cttz(number, ir.IntType(1)(1))


@llvm_intrinsic(types.void, types.int64)
def prefetch(context: Any, builder: Any, address: Any) -> Any:
    """Ask for the cache line of an address; it will soon be read. An address that is none does no harm."""
    emit_prefetch(builder, address)
    return context.get_dummy_value()


def emit_prefetch(builder: Any, address: Any, cache: int = 1) -> None:
    """Append the code of `prefetch` to that of another instruction; the line should come as near as this cache."""
    place, integer = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place, integer, integer, integer])
    function = builder.module.declare_intrinsic("llvm.prefetch", [place], kind)
    builder.call(function, [builder.inttoptr(address, place), integer(0), integer(4 - cache), integer(1)])


Int: TypeAlias = Any
"""An int outside of compiled loops, an int64 inside; mypy cannot see that they are one."""


_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(loop: _Function) -> _Function:
    """`loop` in machine code, kept in Numba's cache folder; it runs without the interpreter's lock.

    It must not allocate, because arrays are not reference-counted in it: counting them at every call from one loop to
    another, which Numba does not see is needless, took four fifths of the time. Nothing checks bounds.
    """
    options: dict[str, Any] = {"nogil": True, "cache": True, "_nrt": False}  # the last is not in Numba's type stubs
    return cast("_Function", njit(**options)(loop))


def inlined(part: _Function) -> _Function:
    """A small part of `compiled` loops, copied into each: calls that hand on arrays, field by field, are slow."""
    options: dict[str, Any] = {"nogil": True, "cache": True, "_nrt": False, "forceinline": True}
    return cast("_Function", njit(**options)(part))


GOLDEN_RATIO = -0x61C8864680B583EB
"""2 ** 64 over the golden ratio, as a signed number (Knuth, The Art of Computer Programming, volume 3, 6.4)."""


LOW_32_BITS = 0xFFFFFFFF


@inlined
def mix_bits(key: Int) -> Int:
    """Bits of `key` all over the result."""
    key *= GOLDEN_RATIO
    return key ^ ((key >> 32) & LOW_32_BITS)
