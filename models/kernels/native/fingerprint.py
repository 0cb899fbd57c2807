"""Fingerprint of a compiled function: a hash of all that its machine code is made from.

That is the bytecode of the function and of those that it calls, and the constants that they mention, wherever they are
defined. Numba's own cache looks at the file of the function alone.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

_CONSTANTS = (int, float, complex, str, bytes, type(None), np.generic, np.dtype)


def fingerprint_of(value: object) -> str:
    """Return the fingerprint of a function or constant, 32 hexadecimal digits."""
    parts: list[str] = []
    _append(value, parts, set())
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


@cache
def source_of(module: str) -> str:
    """Return the source text of a module, which is not imported."""
    spec = find_spec(module)
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""


def _append(value: object, parts: list[str], seen: set[int]) -> None:
    """Append what `value` consists of to `parts`; objects that are `seen` count once."""
    if isinstance(value, _CONSTANTS):
        parts.append(f"{type(value).__name__} {value!r}")
    elif isinstance(value, np.ndarray):
        parts.append(f"{value.dtype} {value.shape} {value.tobytes().hex()}")
    elif isinstance(value, tuple | list):
        for item in value:
            _append(item, parts, seen)
    elif isinstance(value, CodeType):
        _append((value.co_code.hex(), value.co_names, value.co_varnames, value.co_consts), parts, seen)
    elif id(value) not in seen:
        seen.add(id(value))
        _append_object(value, parts, seen)


def _append_object(value: Any, parts: list[str], seen: set[int]) -> None:
    if hasattr(value, "__fingerprint__") and not isinstance(value, type):
        _append(value.__fingerprint__(), parts, seen)
    elif isinstance(value, FunctionType):
        _append(value.__code__, parts, seen)
        _append([cell.cell_contents for cell in value.__closure__ or ()], parts, seen)
        for name in _names(value.__code__):
            if name in value.__globals__:
                _append(value.__globals__[name], parts, seen)
    else:  # a module, a class or a builtin function, which has a name
        parts.append(f"{getattr(value, '__name__', type(value).__name__)} {getattr(value, '_fields', '')}")


def _names(code: CodeType) -> list[str]:
    """Return the names that a function mentions, with those in functions defined in it."""
    inner = (name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const))
    return [*code.co_names, *inner]
