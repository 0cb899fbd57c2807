"""Compiled loops: decorators, and instructions that Numba lacks.

Decorators: `compiled` for loops that Python calls, `inlined` for small parts of them, `subroutine` for what only other
compiled functions call. Everything else here is called from compiled functions.

Numba compiles a loop when it is first called with arguments of some types; the machine code is kept in a file
(`code_cache`) and loaded from there by the next process, which imports neither Numba nor LLVM: those are half a second
and 120 MB, and reading their own cache takes as long again. See `CompiledFunction`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, update_wrapper
from importlib import import_module
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from models.kernels.native import code_cache, machine_code
from models.kernels.native.fingerprint import fingerprint_of, source_of

Int: TypeAlias = "int | np.int64"
"""A whole number: an int where Python calls, an int64 in compiled code."""
Floats: TypeAlias = NDArray[np.float32]
"""Numbers in single precision."""
Bytes: TypeAlias = NDArray[np.uint8]
"""Numbers from 0 to 255, or raw memory."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Scalar = TypeVar("_Scalar", bound=np.generic)
compiling = threading.RLock()
"""Held while a loop is compiled or loaded: Numba compiles one at a time."""


class CompiledFunction:
    """A function that Numba compiles for the types of its arguments, called from Python or from others.

    From Python, `_entry` is called: a function in machine code that takes the arguments if they have the types that it
    was compiled for, and otherwise calls the entry before it. The first one is `_specialize`, which adds another.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        """`options` are those of `numba.njit`."""
        update_wrapper(self, function)
        self.function = function
        self.options = options
        self.specializations: list[str] = []
        """Types of arguments, as `code_cache.describe` writes them, that there is machine code for."""
        self._entry: Callable[..., Any] = self._specialize

    def __call__(self, *args: Any) -> Any:
        """Call the function, in machine code."""
        return self._entry(*args)

    @cached_property
    def dispatcher(self) -> Any:
        """The function as Numba has it."""
        njit = import_module("numba").njit
        if not machine_code.IS_SUPPORTED and "nogil" in self.options:
            with suppress(RuntimeError):  # Numba finds no folder for its cache that it may write to
                return njit(cache=True, **self.options)(self.function)
        return njit(**self.options)(self.function)

    @property
    def _numba_type_(self) -> Any:
        """Type in Numba, which asks for it where a compiled function mentions this one."""
        return self.dispatcher._numba_type_

    def __fingerprint__(self) -> object:
        """Return what the machine code depends on, see `fingerprint_of`."""
        return self.function, sorted(self.options.items())

    def _specialize(self, *args: Any) -> Any:
        """Add an entry for the types of `args`, and call it."""
        types, known = code_cache.describe(args), len(self.specializations)
        if types is None or not machine_code.IS_SUPPORTED:
            return self.dispatcher(*args)
        with compiling:
            if len(self.specializations) == known:  # or else another thread has just added an entry
                if types in self.specializations:  # but not accepted: a number beyond 64 bits
                    return self.dispatcher(*args)
                machine_code.keep_records(args)
                code = self._machine_code(args, types)
                self._entry = machine_code.python_function(code, self._entry) if code else self.dispatcher
                self.specializations.append(types)
        return self._entry(*args)

    def _machine_code(self, args: tuple[Any, ...], types: str) -> machine_code.MachineCode | None:
        return code_cache.fetch(self.function, types, lambda: fingerprint_of(self), lambda: self._build(args))

    def _build(self, args: tuple[Any, ...]) -> machine_code.MachineCode | None:
        from models.kernels.native.build import build_python_entry

        return build_python_entry(self.dispatcher, args)


class NumbaObject:
    """An object that compiled functions mention, imported when they are compiled."""

    def __init__(self, make: Callable[[], Any], dependency: object) -> None:
        """`dependency` is what `fingerprint_of` takes in place of the object that `make` returns."""
        self._make, self._dependency = make, dependency

    @cached_property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target

        made, context = self._make(), cpu_target.typing_context
        context.refresh()  # in case that it has just been defined
        return context.resolve_value_type(made)

    def __fingerprint__(self) -> object:
        return self._dependency


def compiled(loop: _Function) -> _Function:
    """Compile a loop that Python calls; it runs without the GIL, and its machine code is kept.

    The loop must not allocate, because arrays are not reference-counted in it: Numba does not see that counting them at
    every call from one loop to another is needless, and it took four fifths of the time. Bounds are not checked. It is
    called with positional arguments: numbers, arrays in C order, and tuples of those.
    """
    return cast("_Function", CompiledFunction(loop, nogil=True, _nrt=False))


def inlined(part: _Function) -> _Function:
    """Compile a small part of `compiled` loops, of which each loop gets a copy.

    A call would pass arrays field by field: with calls, scoring a text by an n-gram model takes 6 % longer
    (`benchmarks.speed.tricks`).
    """
    return cast("_Function", CompiledFunction(part, nogil=True, _nrt=False, forceinline=True))


def subroutine(part: _Function) -> _Function:
    """Compile a function that only compiled functions call.

    A division by zero gives infinity or NaN, as in NumPy; a check at every division would keep the compiler from
    making vector instructions.
    """
    return cast("_Function", CompiledFunction(part, error_model="numpy"))


def instruction(home: str, result: str = "int64") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function of int64 numbers whose LLVM code a function of module `home` emits.

    The other function has the same name. It is given Numba's context, LLVM's builder and the values of the arguments,
    and returns the value of the result, whose type in Numba is `result`. The module is imported when a loop that needs
    it is compiled.
    """

    def decorate(declared: Callable[..., Any]) -> Callable[..., Any]:
        def make() -> Any:
            emit = getattr(import_module(home), declared.__name__)
            return import_module("models.kernels.native.build").make_intrinsic(declared, emit, result)

        return cast("Callable[..., Any]", NumbaObject(make, (source_of(home), declared.__name__, result)))

    return decorate


INSTRUCTIONS = "models.kernels.native.instructions"
"""Home of the code of instructions that have nothing to do with any one model."""
_carray: Any = NumbaObject(lambda: import_module("numba").carray, "numba.carray")


@instruction(INSTRUCTIONS, "voidptr")
def pointer(address: int) -> Any:
    """Convert an address to a pointer."""


@subroutine
def array_at(address: int, shape: int | tuple[int, ...], dtype: type[_Scalar] | np.dtype[_Scalar]) -> NDArray[_Scalar]:
    """View the memory at an address as an array, in C order."""
    return _carray(pointer(address), shape, dtype)  # type: ignore[no-any-return]


@instruction(INSTRUCTIONS, "int32")
def call_c_function(address: int) -> int:
    """Call the C function without arguments at an address; returns its int, arbitrary if it returns none."""
    raise NotImplementedError


@instruction(INSTRUCTIONS)
def atomic_add(address: int, number: int) -> int:
    """Add to the int64 at an address in one step for all other threads; return its value before."""
    raise NotImplementedError


@instruction(INSTRUCTIONS)
def atomic_load(address: int) -> int:
    """Read the int64 at an address, which other threads change by `atomic_add` and `compare_and_swap`.

    Everything that they wrote before such a change can be read afterwards.
    """
    raise NotImplementedError


@instruction(INSTRUCTIONS, "boolean")
def compare_and_swap(address: int, expected: int, number: int) -> bool:
    """Set the int64 at an address to `number` if it is `expected`; return whether it was."""
    raise NotImplementedError


@instruction(INSTRUCTIONS)
def load_int64(address: int) -> int:
    """Read the eight bytes at an address, which need not be aligned."""
    raise NotImplementedError


@instruction(INSTRUCTIONS)
def count_trailing_zeros(number: int) -> int:
    """Count the lowest bits that are 0 of a number other than 0."""
    raise NotImplementedError


@instruction(INSTRUCTIONS, "void")
def prefetch(address: int) -> None:
    """Ask for the cache line at an address that will soon be read; an invalid address does no harm."""
