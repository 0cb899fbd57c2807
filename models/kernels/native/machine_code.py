"""MachineCode: a compiled function as it lies in a file, and how it is put into memory and called.

It holds bytes, and says which addresses must be written into them: of itself, and of functions of C, Python and NumPy.
This is what a linker does with an object file, of which LLVM's large code model for x86-64 makes it simple: each
address is a whole number of eight bytes (R_X86_64_64).
"""

from __future__ import annotations

import ctypes
import json
import mmap
import platform
import struct
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np

_HAS_KNOWN_LAYOUTS = sys.version_info < (3, 15) and np.__version__.startswith("2.")
"""Whether the objects of Python and NumPy are those whose fields `python_entry` finds."""
IS_SUPPORTED = (
    sys.platform == "linux" and platform.machine() == "x86_64" and "t" not in sys.abiflags and _HAS_KNOWN_LAYOUTS
)
"""Whether machine code can be loaded here; elsewhere Numba runs and keeps the loops, and has to be imported."""
ITSELF = ""
"""Name of a relocation's symbol that stands for the address of the code itself."""
NUMPY_SYMBOL = "numpy."
"""What names of objects of NumPy begin with."""
_RECORD_SYMBOL = "record "
"""What names of types of records begin with; their fields follow as JSON."""
_METH_FASTCALL = 0x80
"""How Python is to call a function: with an array of arguments and their number."""


class Relocation(NamedTuple):
    """An address to be written into the code: that of `symbol`, plus `addend`, at `offset`."""

    offset: int
    symbol: str
    addend: int


class MachineCode(NamedTuple):
    """Bytes of code and constants, the addresses that they need, and where the function begins."""

    content: bytes
    relocations: list[Relocation]
    entry: int


def load(code: MachineCode) -> int:
    """Put code into memory, for as long as the process lives; return the address of its function."""
    memory = mmap.mmap(-1, len(code.content))
    memory.write(code.content)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for offset, symbol, addend in code.relocations:
        start = base if symbol == ITSELF else address_of_symbol(symbol)
        struct.pack_into("<Q", memory, offset, (start + addend) & 0xFFFFFFFFFFFFFFFF)
    if _libc().mprotect(ctypes.c_void_p(base), ctypes.c_size_t(len(memory)), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "the system does not let compiled loops be run")
    _loaded.append(memory)
    return base + code.entry


def python_function(code: MachineCode, fallback: Callable[..., Any]) -> Callable[..., Any]:
    """Load a function that takes Python's arguments, as `python_entry` makes it.

    It calls `fallback` with arguments of other types than it was compiled for.
    """
    method = _MethodDef(b"compiled loop", load(code), _METH_FASTCALL, None)
    _loaded.append(method)
    return cast("Callable[..., Any]", _new_function(ctypes.byref(method), fallback, None))


class _MethodDef(ctypes.Structure):
    """PyMethodDef of Python's C API."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_loaded: list[object] = []
"""Memory that the code of loaded functions lies in."""
_records: dict[str, np.dtype[Any]] = {}
"""Types of records that loaded functions take, by their symbols."""
_new_function = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_MethodDef), ctypes.py_object, ctypes.c_void_p)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def _libm() -> ctypes.CDLL:
    return ctypes.CDLL("libm.so.6")


def record_symbol(dtype: np.dtype[Any]) -> str:
    """Return the symbol of a type of records of numbers, which tells all of its fields and its size."""
    places = [(name, kind.str, offset) for name, (kind, offset, *_) in (dtype.fields or {}).items()]
    names, formats, offsets = map(list, zip(*places, strict=True))
    return _RECORD_SYMBOL + json.dumps(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": dtype.itemsize}
    )


def keep_records(args: tuple[Any, ...]) -> None:
    """Let code that is loaded from now on compare types of records with those of these arguments.

    Python sees at once that an object is the same; to compare the nine fields of a trie's levels took 1.6 µs.
    """
    for value in args:
        if isinstance(value, tuple):
            keep_records(value)
        elif isinstance(value, np.ndarray) and value.dtype.fields is not None:
            _records.setdefault(record_symbol(value.dtype), value.dtype)


@cache
def address_of_symbol(name: str) -> int:
    """Return the address of a function or variable of C, Python or NumPy, or of a type of records."""
    if name.startswith(_RECORD_SYMBOL):
        dtype = np.dtype(json.loads(name.removeprefix(_RECORD_SYMBOL)))
        return id(_records.setdefault(name, dtype))
    if name.startswith(NUMPY_SYMBOL):
        return id(getattr(np, name.removeprefix(NUMPY_SYMBOL)))
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(_libc(), name))
    except ValueError:
        return ctypes.addressof(ctypes.c_char.in_dll(_libm(), name))
