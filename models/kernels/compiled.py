"""How this package compiles loops that only read and write arrays they are given.

It knows Numba's options; it does not know any loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from numba import njit

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
