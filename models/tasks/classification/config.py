"""Configurations of classifiers: a recurrent network, naive Bayes, logistic regression; load no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

Pooling: TypeAlias = Literal["max", "mean", "last", "attention"]
ClassWeights: TypeAlias = Literal["none", "balanced"]
MAX_ORDER = 4
"""Longest n-grams of the baselines: the keys of longer ones might not fit into 64 bits."""


@dataclass(frozen=True)
class ClassifierConfig:
    """Settings of the layers above the encoder of a recurrent classifier.

    >>> ClassifierConfig(pooling="mean").multi_label
    False
    """

    pooling: Pooling = "max"
    """How the vectors of a text become one: their `max` or `mean` number by number, the `last` of each direction, or
    a mean weighted by `attention`."""
    multi_label: bool = False
    """Whether a text has any number of labels, each with a probability of its own, rather than exactly one."""
    ngram_share: float = 0.0
    """Share in the probabilities of a logistic regression over words and bigrams that is fitted to the same texts, with
    naive Bayes weights (Wang and Manning 2012); the network has the rest. 0: the network alone."""
    class_weights: ClassWeights = "none"
    """Whether the network's loss of a training example is weighted: `balanced` gives all labels the same total
    weight."""
    max_training_tokens: int = 512
    """Longer texts are cut to so many tokens in training. What is served or measured is never cut."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        for name, accepted in (("pooling", Pooling), ("class_weights", ClassWeights)):
            if getattr(self, name) not in get_args(accepted):
                raise InvalidInput(name, f"one of {', '.join(get_args(accepted))} is accepted")
        _check_bool("multi_label", self.multi_label)
        _check_whole("max_training_tokens", self.max_training_tokens)
        share = self.ngram_share
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share < 1:
            raise InvalidInput("ngram_share", "a number from 0 up to but not including 1 is accepted")


@dataclass(frozen=True)
class NaiveBayesConfig:
    """Multinomial naive Bayes over n-grams (Wang and Manning 2012), a baseline.

    >>> NaiveBayesConfig().order
    2
    """

    order: int = 2
    """Tokens in the longest n-grams that are counted."""
    delta: float = 1.0
    """Added to the count of each n-gram with each label."""
    binary: bool = True
    """Whether an n-gram counts once for a text however often it occurs there."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        _check_order(self.order)
        _check_positive("delta", self.delta)
        _check_bool("binary", self.binary)


@dataclass(frozen=True)
class LogisticRegressionConfig:
    """Logistic regression over n-grams, a baseline; with `naive_bayes`, that of Wang and Manning (2012).

    >>> LogisticRegressionConfig(l2=0)
    Traceback (most recent call last):
    models.errors.InvalidInput: l2: a number above 0 is accepted
    """

    order: int = 2
    """Tokens in the longest n-grams that are features; each is there or not."""
    l2: float = 1.0
    """Half of this times the squared weights is added to the summed loss; other libraries call 1 / l2 C."""
    naive_bayes: bool = False
    """Whether each feature is scaled by the log of its ratio of naive Bayes probabilities first."""
    multi_label: bool = False
    """Whether a text has any number of labels, each with a probability of its own, rather than exactly one."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        _check_order(self.order)
        _check_positive("l2", self.l2)
        _check_bool("naive_bayes", self.naive_bayes)
        _check_bool("multi_label", self.multi_label)


AnyClassifierConfig: TypeAlias = ClassifierConfig | NaiveBayesConfig | LogisticRegressionConfig


def _check_order(value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_ORDER:
        raise InvalidInput("order", f"a whole number from 1 to {MAX_ORDER} is accepted")


def _check_whole(field: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(field, "a whole number of at least 1 is accepted")


def _check_positive(field: str, value: object) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:  # type: ignore[operator]
        raise InvalidInput(field, "a number above 0 is accepted")


def _check_bool(field: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInput(field, "true or false is accepted")
