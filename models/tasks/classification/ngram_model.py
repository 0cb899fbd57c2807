"""Linear classifiers over n-grams: naive Bayes and logistic regression, which are fitted otherwise.

A text's score for a label is a bias and the sum of the weights of its n-grams. Serving needs NumPy alone, and some
twenty microseconds a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.model import Floats, Tensors
from models.neural.tensors import check_tensor
from models.tasks.card_names import read_names
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.ngram_features import NgramFeatures
from models.tasks.classification.probabilities import log_sigmoid
from models.tasks.text import TaskText
from models.utils.arrays import log_softmax


class NgramClassifier(TextClassifier):
    """Weights [F, L] of n-grams and a bias [L] for each label."""

    runs_inline = True
    binary: bool
    """Whether an n-gram counts once for a text however often it occurs there."""

    def __init__(
        self,
        labels: Sequence[str],
        features: NgramFeatures,
        weights: Floats,
        bias: Floats,
        *,
        binary: bool = True,
        multi_label: bool = False,
    ) -> None:
        self.labels, self.multi_label, self.binary = tuple(labels), multi_label, binary
        self.vocabulary_size = features.vocabulary_size
        self._features, self._weights, self._bias = features, weights, bias

    def logprobs(self, texts: Sequence[TaskText]) -> Floats:
        """Return log-probabilities [B, L] of the labels, as `TextClassifier` says."""
        scores = np.array([self._score(text) for text in texts], np.float32).reshape(-1, len(self.labels))
        return log_sigmoid(scores) if self.multi_label else log_softmax(scores)

    def _score(self, text: TaskText) -> NDArray[np.float64]:
        """Return the unnormalized log-probabilities [L] of a text."""
        rows = self._features.rows(text.ids)
        if self.binary:
            rows = rows[np.diff(rows, prepend=-1) > 0]  # they rise; `np.unique` would import `numpy.ma`, in 20 ms
        score: NDArray[np.float64] = self._weights[rows].sum(0, dtype=np.float64) + self._bias
        return score

    def config(self) -> dict[str, Any]:
        """Return labels, order and what counts."""
        return {
            "labels": list(self.labels),
            "order": self._features.order,
            "binary": self.binary,
            "multi_label": self.multi_label,
        }

    def tensors(self) -> Tensors:
        """Return the keys [F] of the n-grams, their weights [F, L] and the bias [L]."""
        return {"keys": self._features.keys, "weights": self._weights, "bias": self._bias}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Build the model of a checkpoint's arrays, as `Model` says."""
        labels, order = read_names(config, "labels", at_least=2), config.get("order")
        binary, multi_label = config.get("binary"), config.get("multi_label")
        if type(order) is not int or not isinstance(binary, bool) or not isinstance(multi_label, bool):
            raise CheckpointDamaged("config: order is a whole number, binary and multi_label are true or false")
        count = len(tensors["keys"]) if "keys" in tensors and tensors["keys"].ndim else 0
        shapes = {"keys": (count,), "weights": (count, len(labels)), "bias": (len(labels),)}
        for name in sorted(shapes.keys() | tensors.keys()):
            if name == "keys":
                _check_keys(tensors.get(name))
            else:
                check_tensor(name, "float32", shapes.get(name), tensors.get(name))
        try:
            features = NgramFeatures(tensors["keys"], order, vocabulary_size)
        except InvalidInput as error:
            raise CheckpointDamaged(f"config: {error}") from error
        weights, bias = tensors["weights"], tensors["bias"]
        return cls(labels, features, weights, bias, binary=binary, multi_label=multi_label)


def _check_keys(keys: NDArray[Any] | None) -> None:
    """Raise CheckpointDamaged unless the keys of n-grams are there and rise."""
    if keys is None or keys.dtype != np.int64 or keys.ndim != 1 or not len(keys) or (keys[1:] <= keys[:-1]).any():
        raise CheckpointDamaged("tensor keys: rising int64 numbers expected")


class NaiveBayesClassifier(NgramClassifier):
    """Multinomial naive Bayes: the weight of an n-gram is log P(n-gram | label)."""

    kind = "naive_bayes"


class LogisticRegressionClassifier(NgramClassifier):
    """Logistic regression over n-grams that are there or not."""

    kind = "logistic_regression"
