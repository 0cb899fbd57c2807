"""Tensors of a hidden Markov tagger on disk: which there are, and whether they hang together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.tasks.tagging.config import HmmTaggerConfig
from models.utils.arrays import are_offsets


def check_hmm_tensors(settings: HmmTaggerConfig, tags: int, words: int, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Raise CheckpointDamaged, naming a tensor, unless `HmmTagger` can compute with `tensors`."""
    transitions = (tags + 1,) * settings.order
    _check_types({"transitions": ("float32", transitions), "word_begins": ("int64", (words + 1,)), **_OPEN}, tensors)
    begins, entries, endings = tensors["word_begins"], len(tensors["word_tags"]), len(tensors["suffix_keys"])
    if not are_offsets(begins, entries):
        raise CheckpointDamaged(
            f"tensor word_begins: numbers from 0 up to {entries} expected, none below the one before"
        )
    if len(tensors["word_scores"]) != entries:
        raise CheckpointDamaged(f"tensor word_scores: {entries} numbers expected, as in word_tags")
    for name in ("suffix_tags", "suffix_scores"):
        listed = tensors["suffix_tags"].shape[1]
        if tensors[name].shape != (endings, listed) or not 0 < listed <= tags:
            raise CheckpointDamaged(f"tensor {name}: {endings} rows of at most {tags} tags expected")
    characters = tensors["suffix_keys"]
    if characters.size and not 0 <= characters.min() <= characters.max() < 0x110000:
        raise CheckpointDamaged("tensor suffix_keys: characters expected")
    for name in ("word_tags", "suffix_tags"):
        if tensors[name].size and not 0 <= tensors[name].min() <= tensors[name].max() < tags:
            raise CheckpointDamaged(f"tensor {name}: numbers from 0 to {tags - 1} expected")


_OPEN: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "word_tags": ("int32", (None,)),
    "word_scores": ("float32", (None,)),
    "suffix_keys": ("int32", (None, None)),
    "suffix_tags": ("int32", (None, None)),
    "suffix_scores": ("float32", (None, None)),
}
"""Types and shapes of tensors whose sizes (None) are those of the training text."""


def _check_types(wanted: Mapping[str, tuple[str, tuple[int | None, ...]]], tensors: Mapping[str, NDArray[Any]]) -> None:
    """Raise CheckpointDamaged for a tensor that is missing or too much, or not of its type and shape."""
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in wanted:
            raise CheckpointDamaged(f"tensor {name}: not part of this model")
        if name not in tensors:
            raise CheckpointDamaged(f"tensor {name}: missing")
        dtype, shape = wanted[name]
        tensor = tensors[name]
        fits = len(shape) == tensor.ndim and all(b in (a, None) for a, b in zip(tensor.shape, shape, strict=True))
        if tensor.dtype != dtype or not fits:
            sizes = ", ".join("any" if size is None else str(size) for size in shape)
            raise CheckpointDamaged(
                f"tensor {name}: {dtype} [{sizes}] expected, {tensor.dtype} {list(tensor.shape)} found"
            )
        if not np.isfinite(tensor).all():
            raise CheckpointDamaged(f"tensor {name}: holds numbers that are not finite")
