"""`TaskProblem`: a task's network, examples, loss and figures, as the trainer needs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.model import Floats
from models.neural.dropout import NO_DROPOUT, DropoutHooks
from models.neural.encoder.network import EncoderNetwork
from models.special_tokens import UNK
from models.tasks.text import Alphabet, TaskText, pad, spell
from models.utils.progress import Progress

TaskModel = TypeVar("TaskModel")


class TaskNetwork(nn.Module):
    """An encoder and the parameters of a head, named as in a checkpoint."""

    def __init__(self, encoder: EncoderNetwork, head: Mapping[str, tuple[int, ...]]) -> None:
        """Hold an encoder, and an uninitialized parameter for each shape of `head`."""
        super().__init__()
        self.encoder = encoder
        self.head = nn.ParameterDict({name: nn.Parameter(torch.empty(*shape)) for name, shape in head.items()})


@dataclass(frozen=True)
class TextBatch:
    """Padded texts as tensors: what `EncoderNetwork` takes."""

    tokens: Tensor
    """[B, T] int64."""
    lengths: Tensor
    """[B] int64."""
    spelling: tuple[Tensor, Tensor, Tensor] | None

    @property
    def mask(self) -> Tensor:
        """Whether each position holds a token [B, T]."""
        return torch.arange(self.tokens.shape[1]) < self.lengths[:, None]

    @classmethod
    def of(cls, texts: Sequence[TaskText], alphabet: Alphabet | None = None) -> TextBatch:
        """Pad texts; `alphabet` is that of an encoder which reads characters."""
        tokens, lengths = map(torch.from_numpy, pad([text.ids for text in texts]))
        if alphabet is None:
            return cls(tokens, lengths, None)
        spelling = spell(texts, alphabet)
        rows, characters, sizes = map(torch.from_numpy, (spelling.rows, spelling.characters, spelling.lengths))
        return cls(tokens, lengths, (rows, characters, sizes))


@dataclass(frozen=True)
class StepContext:
    """Dropout, random numbers and settings on which the loss of a training step depends."""

    hooks: DropoutHooks = NO_DROPOUT
    random: torch.Generator | None = None
    unknown_rate: float = 0.0
    """See `TaskTrainingConfig.unknown_rate`."""
    label_smoothing: float = 0.0

    def replace_rare(self, tokens: Tensor, rare: Tensor) -> Tensor:
        """Return tokens [B, T] with `<unk>` for some of those that are `rare` [V], at random."""
        if not self.unknown_rate:
            return tokens
        chosen = torch.rand(tokens.shape, generator=self.random) < self.unknown_rate
        return tokens.masked_fill(chosen & rare[tokens], UNK)


class TaskProblem(ABC, Generic[TaskModel]):
    """A task as the trainer sees it."""

    network: TaskNetwork
    lengths: NDArray[np.int64]
    """Tokens of each training example [N], to batch examples of similar length."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Settings and digests that a training which resumes must share with this one; JSON-ready."""

    @abstractmethod
    def loss(self, rows: NDArray[np.int64], context: StepContext) -> Tensor:
        """Return the mean loss in nats of the training examples `rows`, a scalar."""

    @abstractmethod
    def model(self, weights: Mapping[str, Floats]) -> TaskModel:
        """Return the model with these weights, named as `network`'s state; they are not copied."""

    @abstractmethod
    def measure(self, model: TaskModel) -> Generator[Progress, None, dict[str, float]]:
        """Return figures of a model on held-out examples, the one to stop by first and larger being better.

        Empty where nothing is held out.
        """


def rare_words(texts: Sequence[TaskText], vocabulary_size: int) -> Tensor:
    """Return which words [V] occur exactly once in the texts."""
    ids = np.concatenate([np.zeros(0, np.int64), *(text.ids for text in texts)])
    return torch.from_numpy(np.bincount(ids, minlength=vocabulary_size) == 1)
