"""Making a classifier of labelled texts, of any kind: a network or a baseline."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

import numpy as np

from models.data.labelled.examples import LabelledText
from models.errors import InvalidInput, TrainingFailed
from models.tasks.card_names import MAX_NAMES
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.config import (
    AnyClassifierConfig,
    ClassifierConfig,
    LogisticRegressionConfig,
    NaiveBayesConfig,
)
from models.tasks.classification.fit_ngrams import fit_logistic_regression, fit_naive_bayes
from models.tasks.classification.model import NGRAM_ORDER
from models.tasks.classification.train import ClassificationProblem, LabelledTexts
from models.tasks.text import TaskText
from models.tasks.training.options import FitOptions, FittedModel, alphabet_of, task_tokenizer
from models.tasks.training.train import train_with
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress

MAX_TARGETS = 100_000_000
"""Examples times labels, at most: 400 MB. More are ids or sentences taken for labels."""
_NGRAM_L2 = 3.0
"""Penalty of the logistic regression beside a network; from 1 to 10 makes little difference on 7,000 sentences."""


def fit_classifier(
    config: AnyClassifierConfig,
    examples: Sequence[LabelledText],
    held_out: Sequence[LabelledText],
    options: FitOptions,
) -> Generator[Progress, None, FittedModel]:
    """Make a classifier of `examples`; `held_out`, which may be empty, chooses a network's best weights.

    Raises InvalidInput for examples that do not fit together, TrainingFailed where there is none.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    if not examples:
        raise TrainingFailed("there are no training examples")
    labels = _labels(getattr(config, "multi_label", False), examples, held_out)
    tokenizer = task_tokenizer(options, [example.text for example in examples])
    texts, measured = (_encode(part, labels, tokenizer) for part in (examples, held_out))
    figures: dict[str, float] = {"examples": len(examples), "held_out": len(held_out)}
    if isinstance(config, ClassifierConfig):
        model, metrics = yield from _train(config, labels, tokenizer, texts, measured if held_out else None, options)
        figures |= metrics
    else:
        yield Progress("fitting", 0, 0)
        model = _fit_ngrams(config, labels, texts, tokenizer.vocabulary_size)
    figures["seconds"] = round(time.monotonic() - began, 1)
    return FittedModel(model, tokenizer, {"training": figures})


def _fit_ngrams(
    config: NaiveBayesConfig | LogisticRegressionConfig, labels: Sequence[str], texts: LabelledTexts, vocabulary: int
) -> TextClassifier:
    """Fit a baseline."""
    if isinstance(config, NaiveBayesConfig):
        return fit_naive_bayes(config, labels, texts, vocabulary)
    return fit_logistic_regression(config, labels, texts, vocabulary)


def _train(
    config: ClassifierConfig,
    labels: Sequence[str],
    tokenizer: Tokenizer,
    texts: LabelledTexts,
    held_out: LabelledTexts | None,
    options: FitOptions,
) -> Generator[Progress, None, tuple[TextClassifier, dict[str, float]]]:
    """Train a network; return it with the metrics of its training."""
    if config.multi_label and options.training.label_smoothing:
        raise InvalidInput("label_smoothing", "only 0 is accepted with multi_label: its labels are independent")
    alphabet = alphabet_of(options, texts.texts)
    size = tokenizer.vocabulary_size
    problem = ClassificationProblem(config, options.encoder, labels, size, texts, held_out, alphabet)
    result = yield from train_with(problem, options, tokenizer)
    model = result.model
    if config.ngram_share:
        yield Progress("fitting", 0, 0)
        settings = LogisticRegressionConfig(NGRAM_ORDER, _NGRAM_L2, naive_bayes=True, multi_label=config.multi_label)
        model = model.with_ngrams(fit_logistic_regression(settings, labels, texts, size))
    return model, result.card_metrics


def _labels(multi_label: bool, examples: Sequence[LabelledText], held_out: Sequence[LabelledText]) -> tuple[str, ...]:
    """Return the labels of the training examples, sorted. Raises InvalidInput naming the line of a fault."""
    labels = tuple(sorted({label for example in examples for label in example.labels}))
    for example in (*examples, *held_out):
        if not multi_label and len(example.labels) != 1:
            raise InvalidInput("files", f"line {example.line}: one label is accepted, unless multi_label is set")
        if unknown := set(example.labels) - set(labels):
            raise InvalidInput("validation", f"line {example.line}: no training example has the label {min(unknown)!r}")
    if len(labels) < 2:
        raise InvalidInput("files", "examples of at least two labels are accepted")
    if len(labels) * len(examples) > MAX_TARGETS or len(labels) > MAX_NAMES:
        raise InvalidInput("files", f"{len(labels)} labels are too many for {len(examples)} examples")
    return labels


def _encode(examples: Sequence[LabelledText], labels: Sequence[str], tokenizer: Tokenizer) -> LabelledTexts:
    """Tokenize examples and mark their labels."""
    columns = {label: i for i, label in enumerate(labels)}
    targets = np.zeros((len(examples), len(labels)), np.float32)
    for row, example in zip(targets, examples, strict=True):
        row[[columns[label] for label in example.labels]] = 1
    return LabelledTexts([TaskText.of(tokenizer, example.text) for example in examples], targets)
