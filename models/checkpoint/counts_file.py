"""File of n-gram counts beside a checkpoint, from which its model can be extended and merged.

The counts are a safetensors file. `read_counts` checks whatever the compiled loops rely on, since they check nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from models.checkpoint.card import FileDigest
from models.errors import CheckpointDamaged, CheckpointNotFound
from models.model import Tensors
from models.ngram.counting.counts import Counts, Level

COUNTS_FILE = "counts.safetensors"
_ARRAYS = {"begins": "child_offsets", "token": "token", "suffix": "suffix", "count": "count"}
"""Names in the file, and the fields of `Level` that they stand for."""


def counts_tensors(counts: Counts) -> Tensors:
    """Return the arrays of all levels by their names in the file, sharing memory."""
    levels = enumerate(counts.levels, start=1)
    return {f"{name}.{n}": getattr(level, field) for n, level in levels for name, field in _ARRAYS.items()}


def read_counts(file: Path, vocabulary_size: int, digest: FileDigest | None) -> Counts:
    """Read counts from a file; `digest` is that in the checkpoint's card.

    Raises CheckpointNotFound where there is no such file, CheckpointDamaged for one that holds anything else.
    """
    if digest is None or not file.is_file():
        raise CheckpointNotFound(f"{file} is not there: its model was made without keeping counts")
    if FileDigest.of(file) != digest:
        raise CheckpointDamaged(f"{file}: its SHA-256 is not the one in the card: altered")
    try:
        with safe_open(file, framework="numpy") as stored:
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a mapping)
        order = len(arrays) // len(_ARRAYS)
        levels = [Level(*(arrays[f"{name}.{n}"] for name in _ARRAYS)) for n in range(1, order + 1)]
    except (SafetensorError, KeyError, OSError) as error:
        raise CheckpointDamaged(f"{file}: not counts ({error})") from error
    _check_levels(file, levels, vocabulary_size)
    return Counts(levels, vocabulary_size)


def _check_levels(file: Path, levels: list[Level], vocabulary_size: int) -> None:
    """Raise CheckpointDamaged for arrays that would lead the compiled loops out of bounds."""
    contexts = 1
    for n, level in enumerate(levels, start=1):
        arrays = [level.child_offsets, level.token, level.suffix, level.count]
        sound = (
            all(array.ndim == 1 and array.dtype in (np.int32, np.int64) for array in arrays)
            and [len(array) for array in arrays] == [contexts + 1, *[int(level.child_offsets[-1])] * 3]
            and level.child_offsets[0] == 0
            and bool(np.all(np.diff(level.child_offsets) >= 0))
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
