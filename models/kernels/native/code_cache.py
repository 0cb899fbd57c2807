"""Files of machine code: one for each compiled function and the types that it was compiled for.

They lie in the folder that the environment variable NUMBA_CACHE_DIR names, or else beside this module, where that can
be written to, or else in the user's folder of caches. A file serves processors that have the instructions of the one
that it was made on, and programs whose function is the same (`fingerprint`): its name says so, and an outdated file is
simply not found.

What a file holds is executed. So a file counts only where nobody may have written it but this user, root, and the owner
of this module, who could as well alter the program; and it holds a hash of its content and its name, so that nobody can
put one file in another's place.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from models.kernels.native.machine_code import MachineCode, Relocation

logger = logging.getLogger(__name__)
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
    name = array.dtype.str if array.dtype.names is None else str(array.dtype)
    return f"{name} {array.ndim} {'w' if flags.writeable else 'r'}"


def fetch(
    function: Callable[..., Any],
    types: str,
    fingerprint: Callable[[], str],
    build: Callable[[], MachineCode | None],
) -> MachineCode | None:
    """Return the machine code of a function for `types`, from its file or made by `build` and kept.

    None where `build` returns None.
    """
    stem = f"{function.__module__}.{function.__qualname__}-{_digest(types)}.{_maker()}."
    name = f"{stem}{fingerprint()}.loop"
    if (code := _read(_folder() / name)) is None and (code := build()) is not None:
        _write(_folder(), stem, name, code)
    return code


def _read(file: Path) -> MachineCode | None:
    """Return what a file holds; None where it is missing, damaged, or may be another user's."""
    try:
        with open(file, "rb", opener=_open_no_link) as opened:
            is_trusted, (header, _, content) = _is_trusted(opened.fileno()), opened.read().partition(b"\n")
        fields = json.loads(header)
        relocations = [Relocation(*relocation) for relocation in fields["relocations"]]
        code = MachineCode(content, relocations, fields["entry"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if not is_trusted:
        logger.warning("%s is not used: another user may have written this machine code", file)
    return code if is_trusted and fields["digest"] == _content_digest(file.name, code) else None


def _open_no_link(path: str, flags: int) -> int:
    """Open a file, but no link, which may lead to content of others, and wait for no pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _is_trusted(descriptor: int) -> bool:
    """Return whether only this user, root and the owner of this module may have written an open file."""
    found, owners = os.fstat(descriptor), (0, os.geteuid(), Path(__file__).stat().st_uid)
    return found.st_uid in owners and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(folder: Path, stem: str, name: str, code: MachineCode) -> None:
    """Write a file in place of those of earlier fingerprints, unless the folder cannot be written to."""
    fields = {"entry": code.entry, "digest": _content_digest(name, code), "relocations": code.relocations}
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        # Renamed, in one step: another process may be reading. Not by `tempfile`, whose files no other user may read.
        unfinished = folder / f".{name}.{secrets.token_hex(4)}"
        try:
            with open(unfinished, "xb", opener=_open_for_all_to_read) as file:
                file.write(json.dumps(fields).encode() + b"\n" + code.content)
            unfinished.replace(folder / name)
        finally:
            unfinished.unlink(missing_ok=True)
        for outdated in folder.glob(f"{stem}*"):
            if outdated.name != name:
                outdated.unlink(missing_ok=True)


def _open_for_all_to_read(path: str, flags: int) -> int:
    """Open a new file that only its owner may write to, whatever the mask of the process lets others do."""
    return os.open(path, flags, 0o644)


@cache
def _folder() -> Path:
    """Return the folder of the files; where there is no home to have one in, one that cannot exist."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen)
    beside = Path(__file__).parent / "__pycache__"
    if os.access(beside if beside.exists() else beside.parent, os.W_OK):
        return beside
    with suppress(RuntimeError):
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nextword"
    return Path(os.devnull)


@cache
def _maker() -> str:
    """Return a hash of what else code depends on: instructions, Python, Numba, LLVM, these modules."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    modules = [file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py"))]
    return _digest(f"{flags} {sys.version_info[:2]} {_version_text('numba')} {_version_text('llvmlite')} {modules}")


def _version_text(package: str) -> str:
    """Return the source of a package's version, without importing it; nothing where it has none."""
    spec = find_spec(package)
    file = Path(spec.origin).with_name("_version.py") if spec and spec.origin else None
    return file.read_text(encoding="utf-8") if file and file.exists() else ""


def _content_digest(name: str, code: MachineCode) -> str:
    """Return a hash of all that the file of this name holds."""
    relocations = list(map(tuple, code.relocations))
    return _digest(f"{name} {code.entry} {relocations} ".encode() + code.content)


def _digest(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.blake2b(data, digest_size=8).hexdigest()
