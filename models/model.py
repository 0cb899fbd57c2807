"""The interface of everything that a checkpoint holds and a server serves: `Model`.

A model is numbers by name (`tensors`), settings (`config`), and the names of what it can be asked (`capabilities`).
`LanguageModel` adds states and distributions; the models of `models.tasks` read a whole text at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged

TokenIds: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float32]
Lengths: TypeAlias = NDArray[np.int64]
"""How many tokens of each row are read [B]."""
Tensors: TypeAlias = dict[str, NDArray[Any]]
"""Arrays by name, as a checkpoint's safetensors file holds them."""
Capability: TypeAlias = Literal[
    "next", "probability", "perplexity", "rescore", "generate", "counts", "fill", "classify", "tag", "answer", "embed"
]
"""Name of what a model can be asked, which is that of its route; `embed` is asked at /v1/embeddings."""
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)


class Model(ABC):
    """A model that can be saved, loaded and served."""

    vocabulary_size: int
    precision: str = "float32"
    """Of the numbers that the computation uses; `tensors` are in the precision of the checkpoint."""
    runs_inline: bool = False
    """Whether a token takes microseconds and no threads, so that short work needs no other thread."""
    is_thread_safe: bool = False
    """Whether several threads may compute with it at the same time, each without threads of PyTorch's."""
    chunk_tokens: int = 1024
    """Tokens in one chunk of long work, by default: some tens of milliseconds, so that short work can go in between."""
    capabilities: frozenset[Capability] = frozenset()
    """What the model can be asked."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The family's name, as cards and configs write it; a class attribute will do."""

    @property
    def normalized(self) -> bool:
        """Whether each distribution of the model sums to one; imported tables that were cut down may not."""
        return True

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return what the family needs, beside `tensors`, to be built again; JSON-ready."""

    @abstractmethod
    def tensors(self) -> Tensors:
        """Return every number of the model by name, as stored: `from_tensors` gives a bit-equal model."""

    @classmethod
    @abstractmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Build the model that `config` and `tensors` describe.

        Raises CheckpointDamaged when a tensor is missing, has another shape or dtype, or does not hang together.
        """

    @abstractmethod
    def check(self) -> None:
        """Raise InvalidInput unless the model's answers to a few made-up inputs are finite distributions."""

    def warm_up(self) -> None:  # noqa: B027 - most families have nothing to build
        """Build what the first long request would otherwise wait for; by default nothing."""

    @property
    def parameter_count(self) -> int:
        """Numbers that the model holds."""
        return sum(tensor.size for tensor in self.tensors().values())


class FileModel(Model):
    """A model whose numbers lie in a file of another program, of which its checkpoint holds a copy."""

    file_name: str
    """Name of the copy in a checkpoint."""
    file: Path
    """The file itself."""

    def tensors(self) -> Tensors:
        """Return nothing: the numbers are those of the file."""
        return {}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Raise CheckpointDamaged: such a model is opened by `from_file`."""
        del config, tensors, vocabulary_size
        raise CheckpointDamaged(f"made of a file, {cls.file_name}")

    @classmethod
    @abstractmethod
    def from_file(cls, config: dict[str, Any], file: Path, vocabulary_size: int) -> Self:
        """Open the model of `config` in `file`. Raises CheckpointError where that cannot be done."""


class CompositeModel(Model):
    """A model made of other models, its members, that share a tokenizer; it holds no arrays of its own.

    Its checkpoint names the published models that it is made of.
    """

    members: tuple[Model, ...]

    @property
    def normalized(self) -> bool:
        """Whether the distributions of all members sum to one."""
        return all(member.normalized for member in self.members)

    def warm_up(self) -> None:
        """Warm up every member."""
        for member in self.members:
            member.warm_up()

    @property
    def parameter_count(self) -> int:
        """The numbers of all members together."""
        return sum(member.parameter_count for member in self.members)

    def tensors(self) -> Tensors:
        """Return nothing: the numbers are those of the members."""
        return {}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Raise CheckpointDamaged: a composite is built by `from_members`."""
        del config, tensors, vocabulary_size
        raise CheckpointDamaged("made of other models, and none are named")

    @classmethod
    @abstractmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[Any]) -> Self:
        """Build the model that `config` makes of `members`. Raises InvalidInput, TypeError or ValueError."""
