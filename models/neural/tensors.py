"""Tensors of networks on disk: in which precision they are stored, and whether one fits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.neural.config import StoragePrecision


def stored_dtype(storage: StoragePrecision, dimensions: int) -> np.dtype[Any]:
    """Return a tensor's dtype: matrices as `storage` says, biases float32 (few, as large as a log P)."""
    return np.dtype(np.float16 if storage == "float16" and dimensions > 1 else np.float32)


def check_tensor(
    name: str, storage: StoragePrecision, shape: tuple[int, ...] | None, tensor: NDArray[Any] | None
) -> None:
    """Raise CheckpointDamaged unless the tensor is wanted, there, of this shape and dtype, and finite.

    `shape` is None for a tensor that is not wanted, `tensor` for one that is missing.
    """
    if shape is None:
        raise CheckpointDamaged(f"tensor {name}: not part of this architecture")
    if tensor is None:
        raise CheckpointDamaged(f"tensor {name}: missing")
    dtype = stored_dtype(storage, len(shape))
    if tensor.shape != shape or tensor.dtype != dtype:
        wanted = f"{dtype} {list(shape)}"
        raise CheckpointDamaged(f"tensor {name}: {wanted} expected, {tensor.dtype} {list(tensor.shape)} found")
    if not np.isfinite(tensor).all():
        raise CheckpointDamaged(f"tensor {name}: holds numbers that are not finite")
