"""Files of arrays that steps hand to each other: `write_file`, and `TensorFile` to read one.

A file is safetensors. Its metadata say what it belongs to, and hold a hash of each array, which is verified when the
array is read: so a step that needs one of them reads no other. Equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from models.errors import InvalidInput
from models.model import Tensors
from models.recipes.map_reduce.work_folder import altered, missing
from models.utils.files import map_tensors, write_atomically, write_tensors
from models.utils.regular_files import check_regular
from models.utils.scratch import let_go_of

_HASH, _ARRAY_HASH = "sha256", "sha256."
_HASHED_BYTES = 1 << 25


def write_file(tensors: Tensors, metadata: Mapping[str, str], path: Path) -> None:
    """Write a file, whole or not at all."""
    hashes = {f"{_ARRAY_HASH}{name}": _hash(array) for name, array in tensors.items()}
    content = dict(sorted({**metadata, **hashes}.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as temporary:
        write_tensors(tensors, temporary, content | {_HASH: _hash_text(content)})


@dataclass(frozen=True)
class TensorFile:
    """Mapped file of arrays."""

    path: Path
    metadata: Mapping[str, str]
    tensors: Mapping[str, NDArray[Any]]

    @classmethod
    def open(cls, path: Path, expected: Mapping[str, str], hint: str) -> TensorFile:
        """Map a file. Raises InvalidInput, naming it, where it is missing, altered, or not as expected.

        `expected` are metadata that it must have, and `hint` tells how it is made.
        """
        try:
            check_regular(path)
            with safe_open(path, framework="numpy") as file:
                metadata = dict(file.metadata() or {})
            tensors = map_tensors(path)
        except FileNotFoundError:
            raise missing(path, hint) from None
        except (SafetensorError, ValueError):
            raise altered(path) from None
        except OSError as error:
            raise InvalidInput("work", f"{path} cannot be read ({error.strerror})") from None
        sha256 = metadata.pop(_HASH, "")
        if _hash_text(metadata) != sha256:
            raise altered(path)
        for name, value in expected.items():
            if metadata.get(name) != value:
                other = "other settings" if name == "settings" else f"another {name}"
                raise InvalidInput("work", f"{path} was made by {other}: remove it and make it again")
        return cls(path, metadata, tensors)

    def read(self, name: str, kind: type[np.integer[Any]] | type[np.floating[Any]], size: int = -1) -> NDArray[Any]:
        """Return an array [size] of whole or other numbers, whose hash is verified; -1 for any size.

        Raises InvalidInput, naming the file, where it is not there, or another.
        """
        array = self.tensors.get(name)
        if array is None or array.ndim != 1 or not np.issubdtype(array.dtype, kind) or array.dtype.itemsize < 4:
            raise altered(self.path)
        if (size >= 0 and len(array) != size) or _hash(array) != self.metadata.get(f"{_ARRAY_HASH}{name}"):
            raise altered(self.path)
        return array

    def read_counts(self, name: str, size: int) -> NDArray[Any]:
        """Return whole numbers [size] from 0 on, as `read` does."""
        array = self.read(name, np.signedinteger, size)
        if len(array) and int(array.min()) < 0:
            raise altered(self.path)
        return array

    def read_rows(self, name: str, rows: int) -> NDArray[Any]:
        """Return whole numbers from 0 to `rows` - 1, as `read` does."""
        array = self.read(name, np.signedinteger)
        if len(array) and not (int(array.min()) >= 0 and int(array.max()) < rows):
            raise altered(self.path)
        return array


def _hash(array: NDArray[Any]) -> str:
    """Return the hash of an array, of which a piece is in memory at a time."""
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    for first in range(0, len(content), _HASHED_BYTES):
        digest.update(content[first : first + _HASHED_BYTES].data)
        let_go_of(array, unchanged=True)
    return digest.hexdigest()


def _hash_text(metadata: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(metadata.items())).encode()).hexdigest()
