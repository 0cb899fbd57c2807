"""Files: atomic and durable writing, safetensors files."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from models.utils.regular_files import check_regular
from models.utils.scratch import let_go_of


@contextmanager
def write_atomically(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path`, or remove it after an error.

    Readers of `path` find the old file or the whole new one, even after a crash and, where it is `durable`, a power
    cut. That waits twice for the disk, which a file that can be made anew need not.
    """
    # Unique among running threads; it ends as `path` does, since writers may choose a format by the suffix.
    temporary = path.with_name(f".{os.getpid()}-{threading.get_native_id()}-{path.name}")
    try:
        yield temporary
        if durable:
            rename_durably(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def rename_durably(source: Path, target: Path) -> None:
    """Rename a file or directory, and return when the rename is safe from a power cut.

    Its content is safe before the new name appears. A file `target` is replaced; OSError if it is a full directory.
    """
    fsync_path(source)
    source.replace(target)
    fsync_path(target.parent)


def fsync_path(path: Path) -> None:
    """Wait until a file's bytes, or a directory's list of names, are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_DTYPES = {
    "BOOL": "bool",
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
"""Names in NumPy of the types that a safetensors file may hold."""
_STORED_TYPES = {name: stored for stored, name in _DTYPES.items()}
_TYPE_ORDER = [
    *("uint64", "int64", "float64", "float32", "uint32", "int32"),
    *("float16", "uint16", "int16", "int8", "uint8", "bool"),
]
"""Types in the order in which `safetensors` writes them, so that all are aligned."""
_WRITTEN_BYTES = 1 << 25
"""Bytes of a large array that are written at once."""


def write_tensors(tensors: Mapping[str, NDArray[Any]], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, with `metadata` in its header. Raises OSError where the disk is full.

    The bytes are those of `safetensors.numpy.save_file`, which would have all arrays in memory at once: those that lie
    in files are let go of after each piece that was written.
    """
    names = sorted(tensors, key=lambda name: (_TYPE_ORDER.index(tensors[name].dtype.name), name))
    arrays = [np.ascontiguousarray(tensors[name]) for name in names]
    entries: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for name, array in zip(names, arrays, strict=True):
        begin, end = end, end + array.nbytes
        stored = _STORED_TYPES[array.dtype.name]
        entries[name] = {"dtype": stored, "shape": list(array.shape), "data_offsets": [begin, end]}
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for array in arrays:
            content = array.reshape(-1).view(np.uint8)
            for first in range(0, len(content), _WRITTEN_BYTES):
                file.write(content[first : first + _WRITTEN_BYTES].data)
                let_go_of(array)


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Map the arrays of a safetensors file into memory; they are read from the disk when they are used.

    `safe_open` would read and copy them all. Changes stay in this process. Raises SafetensorError for other
    files, OSError for what is none.
    """
    tensors: dict[str, NDArray[Any]] = {}
    check_regular(path)
    with safe_open(path, framework="numpy") as file:  # raises unless the header describes the file without a gap
        content = np.asarray(np.memmap(path, np.uint8, mode="c"))
        begin = 8 + int(content[:8].view("<u8")[0])
        for name in file.offset_keys():
            stored = file.get_slice(name)
            if stored.get_dtype() not in _DTYPES:
                raise SafetensorError(f"tensor {name}: numbers of type {stored.get_dtype()} are not read")
            dtype, shape = np.dtype(_DTYPES[stored.get_dtype()]), stored.get_shape()
            end = begin + dtype.itemsize * prod(shape)
            array = content[begin:end].view(dtype).reshape(shape)
            tensors[name] = array if array.flags.aligned else array.copy()
            begin = end
    return tensors
