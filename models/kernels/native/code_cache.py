"""Files of machine code: one for each compiled function and the types that it was compiled for.

They lie in the folder that the environment variable NUMBA_CACHE_DIR names, or else beside this module, where that can
be written to. A file serves the processor that it was made on, and programs whose function is the same
(`fingerprint`): its name says so, and an outdated file is simply not found.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from models.kernels.native.machine_code import MachineCode, Relocation

_SCALARS = {bool: "bool", int: "int", float: "float", type(None): "none"}


def describe(value: object) -> str | None:
    """Return the type of an argument as machine code distinguishes them; None for one that it cannot take.

    >>> describe((np.zeros(3, np.float32), 5))
    '(<f4 1 w,int)'
    """
    kind = type(value)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(value, np.ndarray):
        return _describe_array(value)
    if isinstance(value, tuple):
        items = [describe(item) for item in value]
        return None if None in items else f"({','.join(map(str, items))})"
    return f"scalar {value.dtype.str}" if isinstance(value, np.number) else None


def _describe_array(array: np.ndarray[Any, Any]) -> str | None:
    """Return dtype, dimensions and whether it is writable; None unless it lies as C arrays do."""
    flags = array.flags
    if type(array) is not np.ndarray or not (flags.c_contiguous and flags.aligned and array.dtype.isnative):
        return None
    name = array.dtype.str if array.dtype.names is None else str(array.dtype.descr)
    return f"{name} {array.ndim} {'w' if flags.writeable else 'r'}"


def fetch(
    function: Callable[..., Any],
    types: str,
    fingerprint: Callable[[], str],
    build: Callable[[], MachineCode | None],
) -> MachineCode | None:
    """Return the machine code of a function for `types`, from its file or made by `build` and kept.

    Both are None where `build` cannot make it.
    """
    stem = f"{function.__module__}.{function.__qualname__}-{_digest(types)}.{_maker()}."
    name = f"{stem}{fingerprint()}.loop"
    if (code := _read(_folder() / name)) is None and (code := build()) is not None:
        _write(_folder(), stem, name, code)
    return code


def _read(file: Path) -> MachineCode | None:
    """Return what a file holds; None where it is missing or damaged."""
    try:
        header, _, content = file.read_bytes().partition(b"\n")
        fields = json.loads(header)
        relocations = [Relocation(*relocation) for relocation in fields["relocations"]]
        code = MachineCode(content, relocations, fields["entry"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return code if fields["digest"] == _digest(content) else None


def _write(folder: Path, stem: str, name: str, code: MachineCode) -> None:
    """Write a file in place of those of earlier fingerprints, unless the folder cannot be written to."""
    fields = {"entry": code.entry, "digest": _digest(code.content), "relocations": code.relocations}
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        # Renamed, in one step: another process may be reading. Not by `tempfile`, whose files no other user may read.
        unfinished = folder / f"{name}.{os.getpid()}"
        unfinished.write_bytes(json.dumps(fields).encode() + b"\n" + code.content)
        unfinished.replace(folder / name)
        for outdated in folder.glob(f"{stem}*"):
            if outdated.name != name:
                outdated.unlink(missing_ok=True)


@cache
def _folder() -> Path:
    """Return the folder of the files."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen)
    beside = Path(__file__).parent / "__pycache__"
    if os.access(beside if beside.exists() else beside.parent, os.W_OK):
        return beside
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nextword"


@cache
def _maker() -> str:
    """Return a hash of what else machine code depends on: processor, Python, and these modules."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    facts = [next((line for line in lines if line.startswith(key)), "") for key in ("model name", "flags")]
    modules = [file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py"))]
    return _digest(f"{facts} {sys.version_info[:2]} {modules}")


def _digest(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.blake2b(data, digest_size=8).hexdigest()
