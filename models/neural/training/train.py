"""Training of a recurrent model from beginning to end, as a generator that yields its progress.

`train` validates, reports, saves and resumes; `Trainer` makes the steps. The number of threads is the caller's.

>>> from models.utils.progress import run_to_completion
>>> ids = np.tile([2, 3, 4, 1], 50)
>>> config = RecurrentConfig("gru", layers=1, embedding_size=8, hidden_size=8)
>>> training_config = TrainingConfig(epochs=2, batch_size=2, bptt=8)
>>> result = run_to_completion(train(config, training_config, ids, ids[:0], vocabulary_size=5))
>>> result.steps
26
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.data.bptt_batches import TokenIds
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.training.config import TrainingConfig
from models.neural.training.joint import JointSaver, JointTrainer
from models.neural.training.loop import TrainingRun, run_steps
from models.neural.training.state_file import StateSaver, text_fingerprint
from models.neural.training.trainer import Trainer
from models.neural.training.world import ALONE, World
from models.utils.progress import Progress

_VALIDATION_TOKENS_PER_ROW = 4000
"""Shortest row of a held-out text. A row begins without what the row before it has read, which costs a few tokens
some accuracy: the longer the rows, the less that matters."""
_MAX_VALIDATION_ROWS = 16
_VALIDATION_CHUNK_TOKENS = 64
"""Tokens of each row between two reports of progress."""
_MAX_LOG = 700.0
"""Largest argument of exp whose result is a float."""


@dataclass(frozen=True)
class TrainingResult:
    """Outcome of a finished training."""

    model: RecurrentModel
    """Weights of the best validation; the last ones where nothing was held out."""
    model_step: int
    """Step that the weights are of."""
    steps: int
    """Steps made; fewer than planned when training stopped early."""
    metrics: dict[str, float]
    """Metrics of the last report, with the `weight_norm` of the model's weights."""


def train(
    config: RecurrentConfig,
    training_config: TrainingConfig,
    tokens: TokenIds,
    validation: TokenIds,
    vocabulary_size: int,
    *,
    text_starts: TokenIds | None = None,
    world: World = ALONE,
    resume_from: Path | None = None,
    save_to: Path | None = None,
    save_seconds: float = 60.0,
    report_every: int = 10,
) -> Generator[Progress, None, TrainingResult]:
    """Train on `tokens` [N]; `validation` [M] chooses the best weights, or is empty.

    A training that is resumed with the same arguments and number of threads gives the same model, bit for bit. One that
    diverges first reports each step since the last report, with the `loss` and `gradient_norm` of that step alone; at
    the last they are not finite.

    Args:
        text_starts: Positions at which a text may begin; by default those after each `</s>`.
        world: The processes that train together. Each calls this with the same arguments and gets the same model; the
            directories and the reports that count are those of the first.
        resume_from: Directory with a saved state to continue from.
        save_to: Directory for the state: written every `save_seconds`, at the end, and when the generator is closed
            (not of several processes, which may be at different steps then).
        report_every: Steps between two reports.

    Raises:
        TrainingFailed: The text is empty; TrainingDiverged, if the numbers diverge.
        StateMismatch: `resume_from` holds the state of another training.
        CheckpointNotFound, UnusableState: `resume_from` holds no state, or one that cannot be read.
    """
    arguments = config, training_config, tokens, vocabulary_size, text_starts
    trainer = Trainer(*arguments) if world.is_alone else JointTrainer(*arguments, world)
    identity = {
        "architecture": asdict(config),
        "recipe": asdict(training_config),
        "vocabulary size": vocabulary_size,
        "text": text_fingerprint(tokens, validation, text_starts),
        "number of processes": {"count": world.size},
    }
    saver = _saver(trainer, identity, save_to)
    saver.resume(resume_from)
    run = _LanguageModelRun(trainer, validation)
    yield from run_steps(run, saver, save_seconds, report_every)
    return _result(trainer, run.report())


def _saver(trainer: Trainer, identity: dict[str, Any], directory: Path | None) -> StateSaver:
    """Return what saves the state; of several processes, once it is sure that they do the same."""
    defaults = {
        "architecture": asdict(RecurrentConfig()),
        "recipe": asdict(TrainingConfig()),
        "number of processes": {"count": 1},
    }
    if isinstance(trainer, JointTrainer):
        trainer.world.check_equal(json.dumps(identity))
        return JointSaver(trainer, identity, directory, defaults)
    return StateSaver(trainer, identity, directory, defaults)


def held_out_loss(model: LanguageModel, tokens: TokenIds) -> Generator[Progress, None, float]:
    """Return the mean of -log P of held-out tokens [N] in nats; yields between chunks.

    The text is read as a few long rows side by side, which is quick and gives the same number every time. Published
    figures come from `models.evaluation`, which reads texts as a whole.
    """
    rows = max(1, min(_MAX_VALIDATION_ROWS, len(tokens) // _VALIDATION_TOKENS_PER_ROW))
    width = -(-len(tokens) // rows)
    padded = np.pad(tokens, (0, rows * width - len(tokens))).astype(np.int64).reshape(rows, width)
    lengths = np.clip(len(tokens) - np.arange(rows) * width, 0, width)
    state, total = model.begin_state(rows), 0.0
    for begin in range(0, width, _VALIDATION_CHUNK_TOKENS):
        chunk = padded[:, begin : begin + _VALIDATION_CHUNK_TOKENS]
        scores, state = model.score(state, chunk, np.clip(lengths - begin, 0, chunk.shape[1]))
        total -= float(scores.sum(dtype=np.float64))
        yield Progress("validating", min(begin + _VALIDATION_CHUNK_TOKENS, width) * rows, width * rows)
    return total / len(tokens)


class _LanguageModelRun(TrainingRun[Trainer]):
    """Training of a language model that is validated on held-out text."""

    def __init__(self, trainer: Trainer, validation: TokenIds) -> None:
        super().__init__(trainer, trainer.training_config)
        self._validation = validation

    @property
    def measured_at(self) -> int:
        return self.trainer.stats.validated_at

    def is_due(self) -> bool:
        return len(self._validation) > 0 and super().is_due()

    def measure(self) -> Generator[Progress, None, None]:
        work = held_out_loss(self.trainer.model(), self._validation)
        self.trainer.record_validation((yield from self.trainer.world.on_first(work)))

    def tokens_per_second(self) -> float | None:
        config = self.trainer.training_config
        return self.steps_made * config.batch_size * config.bptt / self.step_seconds if self.steps_made else None

    def metrics(self) -> dict[str, float]:
        return _metrics(self.trainer)


def _metrics(trainer: Trainer) -> dict[str, float]:
    """Return the metrics of a report; losses are running means over some fifty steps, in nats a token."""
    stats = trainer.stats
    metrics = {"learning_rate": trainer.learning_rate, "weight_norm": trainer.weights.norm()}
    if stats.step:
        loss = stats.mean_loss
        metrics |= {"loss": loss, "perplexity": _perplexity(loss)}
        metrics |= {"gradient_norm": stats.gradient_norm / stats.weight, "clipped_fraction": stats.clipped / stats.step}
    if stats.validation_loss is not None and stats.best_loss is not None:
        metrics |= {"validation_loss": stats.validation_loss}
        metrics |= {"validation_perplexity": _perplexity(stats.validation_loss)}
        metrics |= {"best_perplexity": _perplexity(stats.best_loss)}
    return metrics


def _perplexity(loss: float) -> float:
    """Return exp(loss), kept within the range of a float."""
    return math.exp(min(loss, _MAX_LOG))


def _result(trainer: Trainer, report: Progress) -> TrainingResult:
    """Return the outcome of a finished training."""
    stats, best = trainer.stats, bool(trainer.weights.best)
    model_step = stats.best_step if best else stats.step
    metrics = {**report.metrics, "weight_norm": trainer.weights.norm(best=best)}
    return TrainingResult(trainer.model(best=best), model_step, stats.step, metrics)
