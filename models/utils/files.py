"""Files: atomic and durable writing, arrays kept on disk, safetensors files.

Arrays of `disk_allocator` and `concat_on_disk` lie in files without a name, which the system removes with the process
however that ends. Their pages are loaded when they are read, and freed again when memory runs short.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from models.utils.regular_files import check_regular


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path`, or remove it after an error.

    Readers of `path` find the old file or the whole new one, even after a crash or a power cut.
    """
    # Unique among running threads; it ends as `path` does, since writers may choose a format by the suffix.
    temporary = path.with_name(f".{os.getpid()}-{threading.get_native_id()}-{path.name}")
    try:
        yield temporary
        rename_durably(temporary, path)
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


def disk_allocator(folder: Path) -> Callable[[int, DTypeLike], NDArray[Any]]:
    """Return a function that makes an array of a number of zeros of a dtype in a file of `folder`."""

    def allocate(size: int, dtype: DTypeLike) -> NDArray[Any]:
        if size == 0:
            return np.empty(0, dtype)
        with TemporaryFile(dir=folder) as file:
            return np.asarray(np.memmap(file, dtype, "w+", shape=(size,)))

    return allocate


def concat_on_disk(arrays: Iterable[NDArray[np.int32]], folder: Path) -> NDArray[np.int32]:
    """Concatenate `arrays` in a file of `folder`."""
    with TemporaryFile(dir=folder) as file:
        size = 0
        for array in arrays:
            file.write(array.tobytes())
            size += len(array)
        file.flush()
        return np.asarray(np.memmap(file, np.int32, "r+", shape=(size,))) if size else np.empty(0, np.int32)


_DTYPES = {
    "BOOL": "bool",
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
"""Names in NumPy of the types that a safetensors file may hold."""


def write_tensors(tensors: Mapping[str, NDArray[Any]], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, with `metadata` in its header. Raises OSError where the disk is full."""
    try:
        save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path, metadata)
    except SafetensorError as error:  # it reports a full disk in words alone
        if shutil.disk_usage(path.parent).free < sum(array.nbytes for array in tensors.values()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


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
