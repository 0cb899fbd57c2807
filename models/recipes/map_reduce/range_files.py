"""Files of the counts of a range of first words: `write_range`, `read_range`.

A file is safetensors: `unigrams`, and `begins.n`, `token.n` and `count.n` for each order from 2. Its metadata say which
plan, part and shard it belongs to, the sizes of the text, and a hash of the arrays. Equal counts give equal bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from models.errors import InvalidInput
from models.model import Tensors
from models.ngram.counting.first_words import RangeCounts, RangeLevel
from models.recipes.map_reduce.work_folder import altered, missing
from models.utils.files import map_tensors, write_atomically, write_tensors
from models.utils.regular_files import check_regular
from models.utils.scratch import let_go_of

_COLUMNS = {"begins": "child_offsets", "token": "token", "count": "occurrences"}
"""Names in the file, and the fields of `RangeLevel` that they stand for."""
_HASHED_BYTES = 1 << 25


@dataclass(frozen=True)
class Origin:
    """Plan, part and shard that the counts of a file belong to."""

    plan: str
    """`Plan.id`."""
    part: int
    shard: str = ""
    """Name of the shard; empty for all of them."""


@dataclass(frozen=True)
class TextSizes:
    """Sizes of a text, as cards have them."""

    token_count: int = 0
    oov_count: int = 0
    lines: int = 0
    characters: int = 0

    def __add__(self, other: TextSizes) -> TextSizes:
        """Return the sizes of both texts together."""
        return TextSizes(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


def write_range(counts: RangeCounts, sizes: TextSizes, origin: Origin, path: Path) -> None:
    """Write the counts of a range, whole or not at all."""
    tensors: Tensors = {"unigrams": counts.unigrams}
    for n, level in enumerate(counts.levels, start=2):
        tensors |= {f"{name}.{n}": getattr(level, field) for name, field in _COLUMNS.items()}
    metadata = {name: str(value) for name, value in {**asdict(origin), **asdict(sizes)}.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as temporary:
        write_tensors(tensors, temporary, metadata | {"sha256": _hash(tensors, metadata)})


def read_range(
    path: Path, origin: Origin, words: range, order: int, vocabulary_size: int, hint: str
) -> tuple[RangeCounts, TextSizes]:
    """Map the counts of a range and read the sizes of their text.

    Raises InvalidInput, naming the file, where it is missing (with `hint`), altered, or of another origin.
    """
    metadata, tensors = _map(path, hint)
    sha256 = metadata.pop("sha256", "")
    if {name: metadata.get(name) for name in asdict(origin)} != {n: str(v) for n, v in asdict(origin).items()}:
        raise InvalidInput("work", f"{path} was made by another plan: remove it and make it again")
    if _hash(tensors, metadata) != sha256:
        raise altered(path)
    try:
        levels = [RangeLevel(*(tensors[f"{name}.{n}"] for name in _COLUMNS)) for n in range(2, order + 1)]
        counts = RangeCounts(words.start, tensors["unigrams"], levels)
        sizes = TextSizes(**{name: int(metadata[name]) for name in asdict(TextSizes())})
        counts.check(vocabulary_size)
    except (KeyError, ValueError):
        raise altered(path) from None
    if len(counts.unigrams) != len(words) or len(tensors) != 1 + len(_COLUMNS) * len(levels):
        raise altered(path)
    return counts, sizes


def _map(path: Path, hint: str) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    try:
        check_regular(path)
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
        return metadata, map_tensors(path)
    except FileNotFoundError:
        raise missing(path, hint) from None
    except (SafetensorError, ValueError):
        raise altered(path) from None
    except OSError as error:
        raise InvalidInput("work", f"{path} cannot be read ({error.strerror})") from None


def _hash(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    """Return the hash of metadata and arrays, of which a piece is in memory at a time."""
    digest = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        content = array.reshape(-1).view(np.uint8)
        for first in range(0, len(content), _HASHED_BYTES):
            digest.update(content[first : first + _HASHED_BYTES].data)
            let_go_of(array, unchanged=True)
    return digest.hexdigest()
