"""Fitting of classifiers over n-grams: naive Bayes in closed form, logistic regression by L-BFGS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.errors import InvalidInput
from models.model import Floats
from models.tasks.classification.config import LogisticRegressionConfig, NaiveBayesConfig
from models.tasks.classification.ngram_features import NgramFeatures
from models.tasks.classification.ngram_model import LogisticRegressionClassifier, NaiveBayesClassifier
from models.tasks.classification.train import LabelledTexts
from models.threads import thread_count

MAX_WEIGHTS = 50_000_000
"""N-grams times labels, at most: some gigabytes while they are fitted."""
_MAX_ITERATIONS = 100
_RATIO_SMOOTHING = 1.0
"""Added to counts before the logarithm of their ratio is taken (Wang and Manning 2012)."""


def fit_naive_bayes(
    config: NaiveBayesConfig, labels: Sequence[str], examples: LabelledTexts, vocabulary_size: int
) -> NaiveBayesClassifier:
    """Fit naive Bayes: log P(label), and log P(n-gram | label) with `delta` added to each count.

    Raises InvalidInput for more n-grams and labels than MAX_WEIGHTS.
    """
    features = NgramFeatures.of(examples.texts, config.order, vocabulary_size)
    _check_size(features, labels)
    counts = _counts(features, examples, binary=config.binary) + config.delta
    weights = np.log(counts) - np.log(counts.sum(0))
    prior = np.log(examples.targets.sum(0, dtype=np.float64)) - np.log(len(examples.texts))
    arrays = weights.astype(np.float32), prior.astype(np.float32)
    return NaiveBayesClassifier(labels, features, *arrays, binary=config.binary)


def fit_logistic_regression(
    config: LogisticRegressionConfig, labels: Sequence[str], examples: LabelledTexts, vocabulary_size: int
) -> LogisticRegressionClassifier:
    """Minimize the examples' summed cross-entropy plus l2 / 2 times the squared weights, biases apart.

    Raises InvalidInput as `fit_naive_bayes` does.
    """
    torch.set_num_threads(thread_count())
    features = NgramFeatures.of(examples.texts, config.order, vocabulary_size)
    _check_size(features, labels)
    rows = [np.unique(features.rows(text.ids)) for text in examples.texts]
    scale = torch.ones(len(features), len(labels))
    if config.naive_bayes:
        scale = torch.from_numpy(_log_ratios(_counts(features, examples, binary=True)))
    weights, bias = _minimize(config, rows, torch.from_numpy(examples.targets), scale)
    return LogisticRegressionClassifier(labels, features, weights, bias, multi_label=config.multi_label)


def _check_size(features: NgramFeatures, labels: Sequence[str]) -> None:
    if len(features) * len(labels) > MAX_WEIGHTS:
        message = f"{len(labels)} labels are too many for {len(features)} n-grams: each has a weight for each"
        raise InvalidInput("files", message)


def _minimize(
    config: LogisticRegressionConfig, rows: Sequence[NDArray[np.int64]], targets: Tensor, scale: Tensor
) -> tuple[Floats, Floats]:
    """Return weights [F, L] and bias [L] for `rows` of each text; `scale` [F, L] multiplies the features."""
    flat = torch.from_numpy(np.concatenate(rows))
    offsets = torch.from_numpy(np.cumsum([0, *map(len, rows)])[:-1])
    weights = torch.zeros(scale.shape, requires_grad=True)
    bias = torch.zeros(scale.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=_MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = functional.embedding_bag(flat, weights * scale, offsets, mode="sum") + bias
        if config.multi_label:
            loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
        else:
            loss = functional.cross_entropy(logits, targets.argmax(1), reduction="sum")
        loss = loss + config.l2 / 2 * (weights**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return (weights * scale).detach().numpy(), bias.detach().numpy()


def _counts(features: NgramFeatures, examples: LabelledTexts, *, binary: bool) -> NDArray[np.float64]:
    """Return how often each feature occurs with each label [F, L]."""
    counts = np.zeros((len(features), examples.targets.shape[1]))
    for text, target in zip(examples.texts, examples.targets, strict=True):
        rows = features.rows(text.ids)
        np.add.at(counts, np.unique(rows) if binary else rows, target)
    return counts


def _log_ratios(counts: NDArray[np.float64]) -> Floats:
    """Return log(p / q) [F, L]: p, an n-gram's share among those of a label, q, among those of the others."""
    inside = counts + _RATIO_SMOOTHING
    outside = counts.sum(1, keepdims=True) - counts + _RATIO_SMOOTHING
    ratios = np.log(inside / inside.sum(0)) - np.log(outside / outside.sum(0))
    result: Floats = ratios.astype(np.float32)
    return result
