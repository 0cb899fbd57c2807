"""Safetensors files: writing arrays by name, and mapping them into memory."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

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

    `safe_open` would read and copy them all. A change of an array stays in this process. Raises SafetensorError for
    any other file.
    """
    tensors: dict[str, NDArray[Any]] = {}
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
