"""File of n-gram counts beside a checkpoint, by which its model is explained, extended and merged.

The counts are a safetensors file, which is mapped rather than read. `read_levels` checks whatever the compiled loops
rely on, since they check nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from models.errors import CheckpointDamaged
from models.model import Tensors
from models.ngram.count_table import Level
from models.utils.arrays import are_offsets
from models.utils.files import map_tensors

COUNTS_FILE = "counts.safetensors"
_ARRAYS = {"begins": "child_offsets", "token": "token", "suffix": "suffix", "count": "count"}
"""Names in the file, and the fields of `Level` that they stand for."""


def counts_tensors(levels: Sequence[Level]) -> Tensors:
    """Return the arrays of all levels by their names in the file, sharing memory."""
    numbered = enumerate(levels, start=1)
    return {f"{name}.{n}": getattr(level, field) for n, level in numbered for name, field in _ARRAYS.items()}


def read_levels(file: Path, vocabulary_size: int) -> list[Level]:
    """Map the counts of a file whose hash was verified. Raises CheckpointDamaged where it holds no counts."""
    try:
        arrays = map_tensors(file)
        order = len(arrays) // len(_ARRAYS)
        levels = [Level(*(arrays[f"{name}.{n}"] for name in _ARRAYS)) for n in range(1, order + 1)]
    except (SafetensorError, KeyError, OSError) as error:
        raise CheckpointDamaged(f"{file}: not counts ({error})") from error
    _check_levels(file, levels, vocabulary_size)
    return levels


def _check_levels(file: Path, levels: list[Level], vocabulary_size: int) -> None:
    """Raise CheckpointDamaged for arrays that would lead the compiled loops out of bounds."""
    contexts = 1
    for n, level in enumerate(levels, start=1):
        arrays = [level.child_offsets, level.token, level.suffix, level.count]
        sound = (
            all(array.ndim == 1 and array.dtype in (np.int32, np.int64) for array in arrays)
            and len(level.child_offsets) == contexts + 1
            and are_offsets(level.child_offsets, len(level.token))
            and len(level.suffix) == len(level.count) == len(level.token)
            and _within(level.token, vocabulary_size)
            and _within(level.suffix, len(levels[n - 2]) if n > 1 else 1)
            and bool(np.all(level.count >= (n > 1)))
        )
        if not sound:
            raise CheckpointDamaged(f"{file}: the counts of order {n} are not sound")
        contexts = len(level)
    if not levels or len(levels[0]) != vocabulary_size:
        raise CheckpointDamaged(f"{file}: not the counts of {vocabulary_size} words")


def _within(values: np.ndarray, size: int) -> bool:
    """Tell whether all values are from 0 to `size` - 1."""
    return not len(values) or (int(values.min()) >= 0 and int(values.max()) < size)
