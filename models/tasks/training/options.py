"""Options of fitting that all tasks share, and the outcome: `FitOptions`, `FittedModel`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.model import Model
from models.neural.encoder.config import EncoderConfig
from models.neural.training.config import STATE_FILE
from models.tasks.encoder_model import ENCODER_PREFIX
from models.tasks.text import Alphabet, TaskText
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.initial_weights import InitialWeights
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class FitOptions:
    """Encoder, tokenizer and training of a task's model; baselines use the tokenizer alone."""

    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    training: TaskTrainingConfig = field(default_factory=TaskTrainingConfig)
    initial: InitialWeights | None = None
    """What the encoder begins with, where it is not random."""
    workdir: Path | None = None
    """Where the state of a training is saved, and resumed from if one is there."""
    save_seconds: float = 60.0

    @property
    def resume_from(self) -> Path | None:
        """The working directory where it holds a saved state."""
        return self.workdir if self.workdir and (self.workdir / STATE_FILE).exists() else None


@dataclass(frozen=True)
class FittedModel:
    """A task's model, ready to be published."""

    model: Model
    tokenizer: Tokenizer
    metrics: dict[str, Any]
    """`training`: examples, steps, seconds and the like, for the model's card."""


def task_tokenizer(options: FitOptions, texts: Iterable[str]) -> Tokenizer:
    """Return the tokenizer of the initial weights, or a new one of `texts` and words with known vectors."""
    initial = options.initial
    if initial is not None and initial.tokenizer is not None:
        return initial.tokenizer
    return with_known_words(Tokenizer.train(options.tokenizer, (text + "\n" for text in texts)), options)


def with_known_words(tokenizer: Tokenizer, options: FitOptions) -> Tokenizer:
    """Return a new tokenizer that also lists the words with known vectors, at its end.

    Words that it would never make of a text (with capitals where it folds case, or a blank inside) are left out.
    """
    if options.initial is None or not options.initial.extra_words:
        return tokenizer
    listed = set(tokenizer.vocabulary)
    words = (word for word in dict.fromkeys(options.initial.extra_words) if word not in listed)
    extra = [word for word in words if tokenizer.surface_forms(word) == [word]]
    return Tokenizer(options.tokenizer, [*tokenizer.vocabulary, *extra])


def encoder_arrays(options: FitOptions, tokenizer: Tokenizer) -> Mapping[str, NDArray[np.floating[Any]]]:
    """Return the initial weights under their names in a task's network; none where all begin at random."""
    arrays = options.initial.arrays(tokenizer) if options.initial else {}
    return {f"{ENCODER_PREFIX}{name}": array for name, array in arrays.items()}


def alphabet_of(options: FitOptions, texts: Iterable[TaskText]) -> Alphabet | None:
    """Return the alphabet of the words of training texts, for an encoder that reads characters."""
    if not options.encoder.reads_characters:
        return None
    return Alphabet.of(form for text in texts for form in text.forms)
