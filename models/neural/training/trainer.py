"""A recurrent model in training: everything that changes from step to step, one step of it, and its saved form.

It knows the order of things within a step. Streams, dropout, loss, optimiser and schedule live in files of their own;
when to validate, report, save and stop is for `training` to say.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.data.bptt_batches import BpttBatch, BpttStreams, TokenIds
from models.errors import InvalidInput, TrainingFailed
from models.neural.config import RecurrentConfig, RecurrentState
from models.neural.dropout import Dropout, DropoutHooks, WeightDrop, WordDropout
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.neural.training.initialization import initialize
from models.neural.training.loss import cross_entropy
from models.neural.training.optimizer import (
    WeightAverage,
    clip_gradients,
    learning_rate_at,
    make_optimizer,
    set_learning_rate,
)
from models.neural.training.sampled_softmax import WordSampler, sampled_cross_entropy

_MEMORY = 0.98
"""What a running mean keeps of its past at each step: it looks back over some fifty steps."""


@dataclass
class TrainingStats:
    """The numbers of a training that are not tensors; JSON-ready."""

    step: int = 0
    clipped: int = 0
    """Steps whose gradient was scaled down."""
    weight: float = 0.0
    """What the two sums below are to be divided by for a running mean."""
    loss: float = 0.0
    gradient_norm: float = 0.0
    validated_at: int = 0
    """The step of the last validation."""
    validation_loss: float | None = None
    best_loss: float | None = None
    """The lowest validation loss, and the step that had it."""
    best_step: int = 0
    worse: int = 0
    """Validations since the best one."""

    def record_step(self, loss: float, norm: float, limit: float) -> None:
        """Count one step with its loss (nats a token) and the norm of its gradient before clipping."""
        self.step += 1
        self.clipped += bool(limit) and norm > limit
        self.weight = _MEMORY * self.weight + 1
        self.loss = _MEMORY * self.loss + loss
        self.gradient_norm = _MEMORY * self.gradient_norm + norm

    def record_validation(self, loss: float) -> bool:
        """Take note of a validation; whether it is the best so far."""
        self.validated_at, self.validation_loss = self.step, loss
        best = self.best_loss is None or loss < self.best_loss
        if best:
            self.best_loss, self.best_step, self.worse = loss, self.step, 0
        else:
            self.worse += 1
        return best


class Trainer:
    """Weights, optimiser, streams, carried vectors and random numbers of one training."""

    def __init__(
        self,
        config: RecurrentConfig,
        training: TrainingConfig,
        tokens: TokenIds,
        vocabulary_size: int,
        starts: TokenIds | None = None,
    ) -> None:
        """Raise TrainingFailed without any token, InvalidInput for one that the vocabulary does not have."""
        if not len(tokens):
            raise TrainingFailed("the training text holds no tokens")
        if tokens.min() < 0 or tokens.max() >= vocabulary_size:
            raise InvalidInput("tokens", f"ids from 0 to {vocabulary_size - 1} are accepted")
        self.config, self.training_config, self.vocabulary_size = config, training, vocabulary_size
        self.steps_per_epoch = -(-len(tokens) // (training.batch_size * training.bptt))
        self.steps = max(1, round(training.epochs * self.steps_per_epoch))
        self.stats = TrainingStats()
        self.best: dict[str, Tensor] = {}
        self._random = torch.Generator().manual_seed(training.seed)
        self._network = Network(config, vocabulary_size)
        counts = np.bincount(tokens, minlength=vocabulary_size)
        initialize(self._network, training.initialisation, training.initial_scale, counts, self._random)
        self._noise = _noise(training, vocabulary_size, self._random)
        self._sampler = WordSampler(counts, training.sampled_words, self._random) if training.sampled_words else None
        self._optimiser = make_optimizer(training.optimiser, self._network, training.weight_decay, training.momentum)
        self._streams = BpttStreams(tokens, training.batch_size, starts)
        self._vectors = config.zero(training.batch_size)
        self._average = WeightAverage(self._network.state_dict(), training.averaging) if training.averaging else None

    @property
    def network(self) -> Network:
        """What is being trained."""
        return self._network

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        how = self.training_config
        return learning_rate_at(how.schedule, how.learning_rate, self.stats.step, self.steps, how.warm_up)

    def advance(self) -> tuple[float, float]:
        """Learn from one window; its loss in nats a token, and the norm of the gradient before clipping.

        Raises TrainingFailed when one of them is no longer a number.
        """
        window = self._streams.next_batch(self.training_config.bptt, self.training_config.reset_rate, self._random)
        self._optimiser.zero_grad()
        loss = self._loss(window)
        loss.backward()  # type: ignore[no-untyped-call]
        told = loss.item(), clip_gradients(self._network.parameters(), self.training_config.clip)
        if not np.isfinite(told).all():
            raise TrainingFailed(
                f"training diverged at step {self.stats.step + 1}: the loss is {told[0]:g} and the norm of its "
                f"gradient {told[1]:g}; try a lower learning_rate than "
                f"{self.training_config.learning_rate:g}, or a lower clip"
            )
        set_learning_rate(self._optimiser, self.learning_rate)
        self._optimiser.step()
        self.stats.record_step(*told, self.training_config.clip)
        if self._average:
            self._average.update(self.stats.step)
        return told

    def record_validation(self, validation_loss: float) -> None:
        """Take note of a validation of the present weights; keep a copy of them if there were none better."""
        if self.stats.record_validation(validation_loss):
            self.best = {name: tensor.clone() for name, tensor in self._weights().items()}

    def model(self, *, best: bool = False) -> RecurrentModel:
        """A model of the present weights, or of the best; it may share their memory: use it before the next step."""
        return RecurrentModel(self.config, self.best if best else self._weights(), self.vocabulary_size)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that the next step depends on, and the best weights."""
        kept = {f"weights.{name}": tensor for name, tensor in self._network.state_dict().items()}
        kept |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        if self._average:
            kept |= {f"average.{name}": tensor for name, tensor in self._average.weights.items()}
        kept |= {f"vectors.{i}": tensor for i, tensor in enumerate(self._vectors)}
        for i, memory in self._optimiser.state_dict()["state"].items():
            kept |= {f"optimiser.{i}.{name}": t for name, t in memory.items() if isinstance(t, Tensor)}
        kept["positions"] = torch.from_numpy(self._streams.positions)
        return kept | {"random": self._random.get_state()}

    def json_state(self) -> dict[str, Any]:
        """Everything else that does; JSON-ready."""
        return asdict(self.stats)

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from what `tensors` and `facts` gave of a training of the same recipe and text."""
        self.stats = TrainingStats(**facts)
        self._network.load_state_dict(_under("weights.", tensors))
        self.best = _under("best.", tensors)
        if self._average:
            self._average.weights = _under("average.", tensors)
        self._vectors = tuple(tensors[f"vectors.{i}"] for i in range(len(self._vectors)))
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("optimiser.", tensors).items():
            i, _, key = name.partition(".")
            memory.setdefault(int(i), {})[key] = tensor
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": memory})
        self._random.set_state(tensors["random"])
        if self.stats.step:
            self._streams.restore(tensors["positions"].numpy())

    def _weights(self) -> dict[str, Tensor]:
        """What a model of this moment has."""
        return self._average.weights if self._average else self._network.state_dict()

    def _loss(self, window: BpttBatch) -> Tensor:
        """Mean cross-entropy of a window in nats; the vectors after it are carried on, cut off from the gradient."""
        before: RecurrentState = tuple(v.masked_fill(window.reset[:, None, None], 0.0) for v in self._vectors)
        outputs, after = self._network(window.inputs, before, self._noise)
        self._vectors = tuple(v.detach() for v in after)
        layer = self._network.project(outputs).flatten(0, 1), self._network.output_matrix, self._network.output_bias
        if self._sampler:
            return sampled_cross_entropy(*layer, window.targets.flatten(), self._sampler.draw())
        return cross_entropy(*layer, window.targets.flatten())


def _noise(training: TrainingConfig, vocabulary_size: int, generator: torch.Generator) -> DropoutHooks:
    """What the recipe says is dropped where."""

    def dropout(rate: float | None) -> Dropout:
        return Dropout(training.dropout if rate is None else rate, training.locked_dropout, generator)

    words, vectors = WordDropout(training.word_dropout, vocabulary_size, generator), dropout(training.input_dropout)
    return DropoutHooks(
        embeddings=lambda x, tokens: vectors(words(x, tokens)),
        between_layers=dropout(None),
        outputs=dropout(training.output_dropout),
        recurrent_weights=WeightDrop(training.weight_drop, generator),
    )


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
