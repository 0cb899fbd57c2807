"""Making a classifier of labelled texts, of any kind: a network or a baseline."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

import numpy as np

from models.data.labelled.examples import LabelledText
from models.errors import InvalidInput
from models.neural.training.config import STATE_FILE
from models.tasks.classification.config import ClassifierConfig
from models.tasks.classification.train import ClassificationProblem, LabelledTexts
from models.tasks.text import Alphabet, TaskText
from models.tasks.training.options import FitOptions, FittedModel, encoder_arrays, task_tokenizer
from models.tasks.training.train import train_task
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


def fit_classifier(
    config: ClassifierConfig, examples: Sequence[LabelledText], held_out: Sequence[LabelledText], options: FitOptions
) -> Generator[Progress, None, FittedModel]:
    """Train a recurrent classifier on `examples`; `held_out`, which may be empty, chooses the best weights.

    Raises InvalidInput for examples that do not fit together, TrainingFailed where there is none.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    labels = _labels(config, examples, held_out)
    tokenizer = task_tokenizer(options, [example.text for example in examples])
    texts, measured = (_encode(part, labels, tokenizer) for part in (examples, held_out))
    alphabet = None
    if options.encoder.reads_characters:
        alphabet = Alphabet.of(form for text in texts.texts for form in text.forms)
    problem = ClassificationProblem(
        config, options.encoder, labels, tokenizer.vocabulary_size, texts, measured if held_out else None, alphabet
    )
    result = yield from train_task(
        problem,
        options.training,
        initial=encoder_arrays(options, tokenizer),
        resume_from=options.workdir if options.workdir and (options.workdir / STATE_FILE).exists() else None,
        save_to=options.workdir,
        save_seconds=options.save_seconds,
    )
    figures: dict[str, float] = {"examples": len(examples), "held_out": len(held_out), "best_step": result.model_step}
    figures |= {"steps": result.steps, "seconds": round(time.monotonic() - began, 1)}
    return FittedModel(result.model, tokenizer, {"training": figures | result.metrics})


def _labels(
    config: ClassifierConfig, examples: Sequence[LabelledText], held_out: Sequence[LabelledText]
) -> tuple[str, ...]:
    """Return the labels of the training examples, sorted. Raises InvalidInput naming the line of a fault."""
    labels = tuple(sorted({label for example in examples for label in example.labels}))
    for example in (*examples, *held_out):
        if not config.multi_label and len(example.labels) != 1:
            raise InvalidInput("files", f"line {example.line}: one label is accepted, unless multi_label is set")
        if unknown := set(example.labels) - set(labels):
            raise InvalidInput("validation", f"line {example.line}: no training example has the label {min(unknown)!r}")
    if len(labels) < 2:
        raise InvalidInput("files", "examples of at least two labels are accepted")
    return labels


def _encode(examples: Sequence[LabelledText], labels: Sequence[str], tokenizer: Tokenizer) -> LabelledTexts:
    """Tokenize examples and mark their labels."""
    columns = {label: i for i, label in enumerate(labels)}
    targets = np.zeros((len(examples), len(labels)), np.float32)
    for row, example in zip(targets, examples, strict=True):
        row[[columns[label] for label in example.labels]] = 1
    return LabelledTexts([TaskText.of(tokenizer, example.text) for example in examples], targets)
