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
from typing import Any, NamedTuple

import numpy as np

_CONSTANTS = (int, float, complex, str, bytes, type(None), np.generic, np.dtype)


class _Part(NamedTuple):
    """An object that machine code depends on, without the others that it refers to."""

    text: str
    others: list[object]


def fingerprint_of(value: object) -> str:
    """Return the fingerprint of a function or constant, 32 hexadecimal digits."""
    digest, pending = hashlib.blake2b(digest_size=16), [value]
    seen: list[object] = []  # kept, for the address of an object that is gone may be another's
    addresses: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in addresses:
            continue
        if not isinstance(current, _CONSTANTS):  # which count wherever they are mentioned
            seen.append(current)
            addresses.add(id(current))
        part = _part_of_function(current) if isinstance(current, FunctionType) else _part_of(current)
        digest.update(part.text.encode())
        pending.extend(part.others)
    return digest.hexdigest()


@cache
def source_of(module: str) -> str:
    """Return the source text of a module, which is not imported."""
    spec = find_spec(module)
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""


def _part_of(value: Any) -> _Part:
    if isinstance(value, _CONSTANTS):
        return _Part(f"{type(value).__name__} {value!r}\n", [])
    if isinstance(value, np.ndarray):
        return _Part(f"{value.dtype} {value.shape} {value.tobytes().hex()}\n", [])
    if isinstance(value, tuple | list):
        return _Part(f"{len(value)}\n", list(value))
    if hasattr(value, "__fingerprint__") and not isinstance(value, type):
        return _Part("", [value.__fingerprint__()])
    # A module, a class or a builtin function, which has a name.
    return _Part(f"{getattr(value, '__name__', type(value).__name__)} {getattr(value, '_fields', '')}\n", [])


@cache  # many loops call the same parts
def _part_of_function(function: FunctionType) -> _Part:
    code = function.__code__
    mentioned = [function.__globals__[name] for name in _names(code) if name in function.__globals__]
    return _Part(_text_of(code), [cell.cell_contents for cell in function.__closure__ or ()] + mentioned)


def _text_of(code: CodeType) -> str:
    """Return bytecode, names and constants as text, with those of functions that are defined inside."""
    constants = [_text_of(const) if isinstance(const, CodeType) else repr(const) for const in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}\n"


def _names(code: CodeType) -> list[str]:
    """Return the names that a function mentions, with those in functions defined in it."""
    inner = (name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const))
    return [*code.co_names, *inner]
