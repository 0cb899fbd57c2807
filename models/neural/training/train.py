"""Training of a recurrent model from beginning to end: a generator that reports, validates, saves and resumes.

It knows when: when to validate, to report, to save, to stop. What a step does is `trainer`'s. Texts, tokenizers and
checkpoints are none of its business, and the number of threads is the caller's.

The loss on held-out tokens while a network trains: quick, the same every time, and interruptible.

It knows ids and models. Figures to be published come from `evaluation`, which knows texts, units and unknown words.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models.data.bptt_batches import TokenIds
from models.language_model import LanguageModel
from models.neural.model import RecurrentConfig, RecurrentModel
from models.neural.training.config import TrainingConfig
from models.neural.training.state_file import StateSaver, text_fingerprint
from models.neural.training.trainer import Trainer
from models.utils.progress import Progress

_TOKENS_A_ROW = 4000
"""A row is long beside the few tokens that its start costs: it begins without what the row above it has read."""


_MOST_ROWS = 16


_SLICE = 64


def held_out_loss(model: LanguageModel, tokens: TokenIds) -> Generator[Progress, None, float]:
    """Mean of -log P in nats a token, the text read as a few long rows side by side; yields between slices."""
    rows = max(1, min(_MOST_ROWS, len(tokens) // _TOKENS_A_ROW))
    width = -(-len(tokens) // rows)
    padded = torch.from_numpy(np.pad(tokens, (0, rows * width - len(tokens))).astype(np.int64)).view(rows, width)
    lengths = (len(tokens) - torch.arange(rows) * width).clamp(0, width)
    state, total = model.begin_state(rows), 0.0
    for begin in range(0, width, _SLICE):
        part = padded[:, begin : begin + _SLICE]
        scores, state = model.score(state, part, (lengths - begin).clamp(0, part.shape[1]))
        total -= float(scores.sum(dtype=torch.float64))
        yield Progress("validating", min(begin + _SLICE, width) * rows, width * rows)
    return total / len(tokens)


__all__ = ["TrainingConfig", "TrainingResult", "train"]


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves behind."""

    model: RecurrentModel
    """The weights of the best validation; the last ones where nothing was held out."""
    model_step: int
    """The step that the weights are of."""
    steps: int
    """Steps made; fewer than planned when training stopped early."""
    metrics: dict[str, float]
    """The last report's."""


def train(
    config: RecurrentConfig,
    training: TrainingConfig,
    tokens: TokenIds,
    validation: TokenIds,
    vocabulary_size: int,
    *,
    starts: TokenIds | None = None,
    resume_from: Path | None = None,
    save_to: Path | None = None,
    save_seconds: float = 60.0,
    report_every: int = 10,
) -> Generator[Progress, None, TrainingResult]:
    """Train on `tokens` [N]; `validation` [M] chooses the best weights, or is empty.

    `starts` are the positions at which a text may begin, by default those after each `</s>`. The state is saved in the
    directory `save` every `save_seconds`, at the end, and when the generator is closed; `resume` is a directory so
    saved. A training that is resumed with the same arguments and number of threads gives the same model, bit for bit.

    Raises TrainingFailed when the text is empty or the numbers diverge, InvalidInput when `resume` holds the state of
    another training, CheckpointNotFound or CheckpointDamaged when it holds none.
    """
    trainer = Trainer(config, training, tokens, vocabulary_size, starts)
    saver = StateSaver(trainer, text_fingerprint(tokens, validation, starts), save_to)
    if resume_from:
        saver.restore(resume_from)
    clock = _Clock(trainer)
    try:
        while True:
            if _validation_is_due(trainer, validation):
                trainer.record_validation((yield from held_out_loss(trainer.model(), validation)))
                yield clock.report()
            if _is_finished(trainer):
                break
            clock.step()
            if trainer.stats.step % report_every == 0:
                yield clock.report()
            saver.save_if_older(save_seconds)
    except GeneratorExit:
        # Closed at a report, so between two steps. An interrupt within a step leaves half of one: not to be saved.
        saver.save()
        raise
    saver.save()
    return _trained(trainer, clock.report())


class _Clock:
    """How long the steps of this run have taken."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._begun = time.monotonic()
        self._first = trainer.stats.step
        self._stepping = 0.0

    def step(self) -> None:
        """Make a step and count its seconds."""
        before = time.monotonic()
        self._trainer.advance()
        self._stepping += time.monotonic() - before

    def report(self) -> Progress:
        """Where the training is; the seconds left count validations and saving too, as far as there were any."""
        tally, how = self._trainer.stats, self._trainer.training_config
        made = tally.step - self._first
        return Progress(
            phase="training",
            step=tally.step,
            steps=self._trainer.steps,
            epoch=tally.step / self._trainer.steps_per_epoch,
            tokens_per_second=made * how.batch_size * how.bptt / self._stepping if made else None,
            seconds_left=(time.monotonic() - self._begun) / made * (self._trainer.steps - tally.step) if made else None,
            metrics=_metrics(self._trainer),
        )


def _metrics(trainer: Trainer) -> dict[str, float]:
    """What a report tells: losses in nats a token, running means over the last fifty steps or so."""
    tally = trainer.stats
    metrics = {"learning_rate": trainer.learning_rate}
    if tally.step:
        loss = tally.loss / tally.weight
        metrics |= {"loss": loss, "perplexity": _perplexity(loss)}
        metrics |= {"gradient_norm": tally.gradient_norm / tally.weight, "clipped_fraction": tally.clipped / tally.step}
    if tally.validation_loss is not None and tally.best_loss is not None:
        metrics |= {"validation_loss": tally.validation_loss}
        metrics |= {"validation_perplexity": _perplexity(tally.validation_loss)}
        metrics |= {"best_perplexity": _perplexity(tally.best_loss)}
    return metrics


def _perplexity(loss: float) -> float:
    """exp(loss), kept within the range of a float."""
    return math.exp(min(loss, 700.0))


def _is_finished(trainer: Trainer) -> bool:
    """All steps made, or no better validation for too long."""
    tally, patience = trainer.stats, trainer.training_config.patience
    return tally.step >= trainer.steps or 0 < patience <= tally.worse


def _validation_is_due(trainer: Trainer, validation: TokenIds) -> bool:
    """At every so many steps and at the last, once."""
    step, every = trainer.stats.step, trainer.training_config.validate_every or trainer.steps_per_epoch
    return len(validation) > 0 and step > trainer.stats.validated_at and (step % every == 0 or step == trainer.steps)


def _trained(trainer: Trainer, report: Progress) -> TrainingResult:
    """The outcome of a finished training."""
    tally, best = trainer.stats, bool(trainer.best)
    step = tally.best_step if best else tally.step
    return TrainingResult(trainer.model(best=best), step, tally.step, dict(report.metrics))
