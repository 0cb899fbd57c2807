"""Figures of classifiers: accuracy, precision and recall of each class, F1, log-loss and calibration.

F1 of a class = 2 TP / (2 TP + FP + FN), the harmonic mean of precision TP / (TP + FP) and recall TP / (TP + FN).
A figure whose denominator is zero is None. Macro-F1 is the mean over the classes that have an F1: those that occur or
were predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.utils.arrays import BoolArray, Int64Array

Probabilities: TypeAlias = NDArray[np.floating]
Figures: TypeAlias = dict[str, Any]
"""Figures by name, as cards, the command line and HTTP write them."""

MAX_CONFUSION_CLASSES = 300
"""Most classes that have a confusion matrix: it has a number for each pair of them."""
CALIBRATION_BINS = 15
"""Bins of the expected calibration error, as in Guo et al. 2017. More follow confidences closer, with more noise."""


def classification_figures(gold: NDArray[np.integer], probabilities: Probabilities, labels: Sequence[str]) -> Figures:
    """Return the figures of texts with one label each: finite numbers, or None.

    The most probable class is predicted, the first of equal ones. `log_loss` is in nats, None where it is infinite.
    `confusion` has a row for each right class and a column for each predicted one; None where there are more than
    MAX_CONFUSION_CLASSES.

    Args:
        gold: [N] right class of each text.
        probabilities: [N, C] probability of each class; that of a class that the model does not have is 0.
        labels: [C] names of the classes.

    Raises:
        InvalidInput: there is no text.
    """
    _check_examples(len(gold))
    predicted = probabilities.argmax(axis=1)
    counts = (np.bincount(taken, minlength=len(labels)) for taken in (gold[predicted == gold], predicted, gold))
    classes = _class_figures(labels, *counts)
    has_matrix = len(labels) <= MAX_CONFUSION_CLASSES
    return {
        "accuracy": float(np.mean(predicted == gold)),
        "macro_f1": _mean_f1(classes),
        "log_loss": log_loss(gold, probabilities),
        "ece": calibration_error(predicted == gold, probabilities.max(axis=1)),
        "examples": len(gold),
        "classes": classes,
        "confusion": confusion_matrix(gold, predicted, len(labels)).tolist() if has_matrix else None,
    }


def multi_label_figures(gold: BoolArray, predicted: BoolArray, labels: Sequence[str]) -> Figures:
    """Return the figures of texts with any number of labels, [N, L] bool: finite numbers, or None.

    Micro-F1 counts the decisions of all labels together; `subset_accuracy` is the share of texts whose labels are all
    right and complete. Raises InvalidInput where there is no text.
    """
    _check_examples(len(gold))
    hits, predictions, support = (np.count_nonzero(mask, axis=0) for mask in (gold & predicted, predicted, gold))
    classes = _class_figures(labels, hits, predictions, support)
    return {
        "micro_f1": ratio(2 * hits.sum(), predictions.sum() + support.sum()),
        "macro_f1": _mean_f1(classes),
        "subset_accuracy": float(np.mean((gold == predicted).all(axis=1))),
        "examples": len(gold),
        "classes": classes,
    }


def confusion_matrix(gold: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> Int64Array:
    """Return how often each class [C, C], by row, was taken for each, by column."""
    return np.bincount(gold * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def log_loss(gold: NDArray[np.integer], probabilities: Probabilities) -> float | None:
    """Return the mean of -log P(right class) in nats; None where it is infinite."""
    right = probabilities[np.arange(len(gold)), gold].astype(np.float64)
    return float(-np.log(right).mean()) if right.all() else None


def calibration_error(correct: BoolArray, confidence: Probabilities, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error: how far confidence is from accuracy (Guo et al. 2017, eq. 3).

    Predictions are sorted by confidence into `bins` of equal width, ((m - 1) / M, m / M] the m-th of M. The error is
    the mean over bins, weighted by their predictions, of |accuracy - mean confidence|.
    """
    numbers = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    surplus = np.bincount(numbers, correct.astype(np.float64) - confidence, bins)
    return float(np.abs(surplus).sum() / len(correct))


def ratio(part: float, whole: float) -> float | None:
    """Return `part / whole`; None where `whole` is zero."""
    return float(part / whole) if whole else None


def f_score(hits: int, predicted: int, support: int) -> Figures:
    """Return precision, recall and F1 of `hits` among `predicted`, where `support` were to be found."""
    return {
        "precision": ratio(hits, predicted),
        "recall": ratio(hits, support),
        "f1": ratio(2 * hits, predicted + support),
        "support": int(support),
    }


def _class_figures(
    labels: Sequence[str], hits: Int64Array, predicted: Int64Array, support: Int64Array
) -> list[Figures]:
    counts = zip(labels, hits.tolist(), predicted.tolist(), support.tolist(), strict=True)
    return [{"label": label, **f_score(*numbers)} for label, *numbers in counts]


def _mean_f1(classes: list[Figures]) -> float | None:
    scores = [figures["f1"] for figures in classes if figures["f1"] is not None]
    return ratio(sum(scores), len(scores))


def _check_examples(count: int) -> None:
    if not count:
        raise InvalidInput("files", "must hold examples to evaluate; there is none")
