"""Files of the counts of a range of first words: `write_range`, `read_range`.

They hold `unigrams`, and `begins.n`, `token.n` and `count.n` for each order from 2, with the sizes of the text.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.errors import InvalidInput
from models.model import Tensors
from models.ngram.counting.first_words import RangeCounts, RangeLevel
from models.recipes.map_reduce.tensor_files import TensorFile, write_file
from models.recipes.map_reduce.work_folder import altered

_COLUMNS = {"begins": "child_offsets", "token": "token", "count": "occurrences"}
"""Names in the file, and the fields of `RangeLevel` that they stand for."""


@dataclass(frozen=True)
class Origin:
    """Plan, part and shard that the counts of a file belong to."""

    plan: str
    """`Plan.id`."""
    part: int
    shard: str = ""
    """Name of the shard; empty for all of them."""

    @property
    def metadata(self) -> dict[str, str]:
        """Return the fields as a file has them."""
        return {name: str(value) for name, value in asdict(self).items()}


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
    write_file(tensors, origin.metadata | {name: str(size) for name, size in asdict(sizes).items()}, path)


def read_range(
    path: Path, origin: Origin, words: range, order: int, vocabulary_size: int, hint: str
) -> tuple[RangeCounts, TextSizes]:
    """Map the counts of a range and read the sizes of their text.

    Raises InvalidInput, naming the file, where it is missing (with `hint`), altered, or of another origin.
    """
    file = TensorFile.open(path, origin.metadata, hint)
    unigrams = file.read("unigrams", np.signedinteger, len(words))
    levels = [
        RangeLevel(*(file.read(f"{name}.{n}", np.signedinteger) for name in _COLUMNS)) for n in range(2, order + 1)
    ]
    counts = RangeCounts(words.start, unigrams, levels)
    try:
        counts.check(vocabulary_size)
    except InvalidInput:
        raise altered(path) from None
    return counts, _sizes(file)


def read_sizes(path: Path, origin: Origin, hint: str) -> TextSizes:
    """Read the sizes of the text of a file; raises as `read_range` does."""
    return _sizes(TensorFile.open(path, origin.metadata, hint))


def _sizes(file: TensorFile) -> TextSizes:
    try:
        return TextSizes(**{name: int(file.metadata[name]) for name in asdict(TextSizes())})
    except (KeyError, ValueError):
        raise altered(file.path) from None
