"""A recurrent model in training: its weights and everything else that changes from step to step.

`Trainer.advance` makes one step. `train` decides when to validate, report, save and stop.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.data.bptt_batches import BpttBatch, BpttStreams, TokenIds
from models.data.noising import KneserNeyNoise
from models.errors import InvalidInput, TrainingFailed
from models.neural.config import RecurrentConfig
from models.neural.dropout import Dropout, DropoutHooks, WeightDrop, WordDropout
from models.neural.model import RecurrentModel
from models.neural.network import Network, RecurrentState
from models.neural.training.config import OptimizationConfig, TrainingConfig
from models.neural.training.initialization import initialize
from models.neural.training.loss import cross_entropy
from models.neural.training.sampled_softmax import WordSampler, sampled_cross_entropy
from models.neural.training.step_stats import DECAY, StepStats
from models.neural.training.weights import TrainedWeights
from models.neural.training.world import ALONE, World
from models.threads import thread_count


@dataclass
class TrainingStats(StepStats):
    """Numbers of a training that are not tensors."""

    clipped: int = 0
    """Steps whose gradient was scaled down."""
    gradient_norm: float = 0.0
    """Decaying sum of the norms before clipping."""
    validated_at: int = 0
    """Step of the last validation."""
    validation_loss: float | None = None
    best_loss: float | None = None
    """Lowest validation loss."""

    def record_step(self, loss: float, norm: float, limit: float) -> None:
        """Count a step: its loss (nats a token), gradient norm before clipping, and limit of clipping."""
        self.record_loss(loss)
        self.clipped += bool(limit) and norm > limit
        self.gradient_norm = DECAY * self.gradient_norm + norm

    def record_validation(self, loss: float) -> bool:
        """Record the loss of a validation; return whether it is the best so far."""
        self.validated_at, self.validation_loss = self.step, loss
        best = self.best_loss is None or loss < self.best_loss
        if best:
            self.best_loss = loss
        self.record_measurement(best=best)
        return best


class Trainer:
    """Weights, optimizer, text streams, carried state and random numbers of one training."""

    def __init__(
        self,
        config: RecurrentConfig,
        training_config: TrainingConfig,
        tokens: TokenIds,
        vocabulary_size: int,
        text_starts: TokenIds | None = None,
        world: World = ALONE,
    ) -> None:
        """Initialize a training on `tokens` [N]; `text_starts` are the positions at which a text may begin.

        Of a batch it reads the share of its process in the `world`. Raises TrainingFailed without any token,
        InvalidInput for an id outside the vocabulary and a batch that cannot be shared evenly.
        """
        if not len(tokens):
            raise TrainingFailed("the training text holds no tokens")
        if tokens.min() < 0 or tokens.max() >= vocabulary_size:
            raise InvalidInput("tokens", f"ids from 0 to {vocabulary_size - 1} are accepted")
        self.config, self.training_config, self.vocabulary_size = config, training_config, vocabulary_size
        self.world = world
        rows = world.share_of(training_config.batch_size)
        self.steps_per_epoch = -(-len(tokens) // (training_config.batch_size * training_config.bptt))
        self.steps = max(1, round(training_config.epochs * self.steps_per_epoch))
        self.stats = TrainingStats()
        self.network = Network(config, vocabulary_size)
        torch.set_num_threads(thread_count())  # PyTorch may have been imported after the number was set
        self._random = torch.Generator().manual_seed(training_config.seed)
        counts = np.bincount(tokens, minlength=vocabulary_size)
        method, scale = training_config.initialisation, training_config.initial_scale
        initialize(self.network, method, scale, counts, self._random)
        if not world.is_first:  # begins with the same weights, and drops out others
            self._random.manual_seed(_seed_of(training_config.seed, world.rank))
        self._hooks = dropout_hooks(training_config, vocabulary_size, self._random)
        sampled_words = training_config.sampled_words
        self._sampler = WordSampler(counts, sampled_words, self._random) if sampled_words else None
        noise = training_config.noise
        self._noise = KneserNeyNoise(tokens, noise, vocabulary_size, self._random) if noise else None
        averages_gradients = training_config.average_every == 1 and not world.is_alone
        average = world.average if averages_gradients else None
        self.weights = TrainedWeights(self.network, training_config, self.steps, average)
        self._streams = BpttStreams(tokens, training_config.batch_size, text_starts, rows)
        self._state = self.network.zero_state(rows.stop - rows.start)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        return self.weights.learning_rate(self.stats.step)

    def advance(self) -> tuple[float, float]:
        """Make one step; return its loss in nats a token, and the norm of the gradient before clipping.

        Raises TrainingDiverged when the loss or the norm is not finite.
        """
        config = self.training_config
        batch = self._streams.next_batch(config.bptt, config.reset_rate, self._random)
        if self._noise:
            batch = self._noise(batch)
        loss, norm = self.weights.advance(self._loss(batch), self.stats.step)
        self.stats.record_step(loss, norm, config.clip)
        return loss, norm

    def record_validation(self, validation_loss: float) -> None:
        """Record the loss of a validation; copy the weights if it is the best so far."""
        if self.stats.record_validation(validation_loss):
            self.weights.keep_best()

    def model(self, *, best: bool = False) -> RecurrentModel:
        """Return a model of current or best weights, whose memory it may share: use it before the next step."""
        return RecurrentModel(self.config, self.weights.arrays(best=best), self.vocabulary_size)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a saved state: all that the next step depends on, and the best weights."""
        tensors = self.weights.tensors()
        tensors |= {f"vectors.{i}": tensor for i, tensor in enumerate(self._state)}
        tensors["positions"] = torch.from_numpy(self._streams.positions)
        return tensors | {"random": self._random.get_state()}

    def json_state(self) -> dict[str, Any]:
        """Return everything else that the next step depends on, JSON-ready."""
        return asdict(self.stats)

    def restore(self, tensors: dict[str, Tensor], json_state: dict[str, Any]) -> None:
        """Continue from what `tensors` and `json_state` returned in a training of the same recipe and text."""
        self.stats = TrainingStats(**json_state)
        self.weights.restore(tensors)
        vectors = tuple(tensors[f"vectors.{i}"] for i in range(len(self._state)))
        if [(v.shape, v.dtype) for v in vectors] != [(v.shape, v.dtype) for v in self._state]:
            raise ValueError("its state vectors are of another shape or type")
        self._state = vectors
        self._random.set_state(tensors["random"])
        if self.stats.step:
            self._streams.restore(tensors["positions"].numpy())

    def _loss(self, batch: BpttBatch) -> Tensor:
        """Return the mean cross-entropy of a batch in nats, and carry its state on, cut off from the gradient."""
        state: RecurrentState = tuple(v.masked_fill(batch.reset[:, None, None], 0.0) for v in self._state)
        outputs, state = self.network(batch.inputs, state, self._hooks)
        self._state = tuple(v.detach() for v in state)
        hidden = self.network.project(outputs).flatten(0, 1)
        layer = hidden, self.network.output_matrix, self.network.output_bias
        if self._sampler:
            return sampled_cross_entropy(*layer, batch.targets.flatten(), self._sampler.draw())
        return cross_entropy(*layer, batch.targets.flatten())


def _seed_of(seed: int, rank: int) -> int:
    """Return a seed of one process's own."""
    return int(np.random.SeedSequence((seed, rank)).generate_state(1)[0])


def dropout_hooks(config: OptimizationConfig, vocabulary_size: int, generator: torch.Generator) -> DropoutHooks:
    """Make the dropout of each place in the network that the configuration asks for."""

    def dropout(rate: float | None) -> Dropout:
        return Dropout(config.dropout if rate is None else rate, config.locked_dropout, generator)

    words, vectors = WordDropout(config.word_dropout, vocabulary_size, generator), dropout(config.input_dropout)
    return DropoutHooks(
        embeddings=lambda x, tokens: vectors(words(x, tokens)),
        between_layers=dropout(None),
        outputs=dropout(config.output_dropout),
        recurrent_weights=WeightDrop(config.weight_drop, generator),
    )
