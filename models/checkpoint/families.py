"""Classes of models by the kind in a checkpoint's card.

A new family adds a line here; nothing that loads, measures or serves models changes.
"""

from __future__ import annotations

from models.composite.cache import CacheModel
from models.composite.mixture import MixtureModel
from models.composite.neural_cache import NeuralCacheModel
from models.model import Model
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel
from models.ngram.model import NgramModel
from models.tasks.classification.model import Int8Classifier, RecurrentClassifier
from models.tasks.classification.ngram_model import LogisticRegressionClassifier, NaiveBayesClassifier

FAMILIES: dict[str, type[Model]] = {
    "ngram": NgramModel,
    "rnn": RecurrentModel,
    "lstm": RecurrentModel,
    "gru": RecurrentModel,
    "feedforward": RecurrentModel,
    "mixture": MixtureModel,
    "cache": CacheModel,
    "neural_cache": NeuralCacheModel,
    "classifier": RecurrentClassifier,
    "naive_bayes": NaiveBayesClassifier,
    "logistic_regression": LogisticRegressionClassifier,
}

FAMILIES_BY_PRECISION: dict[str, dict[str, type[Model]]] = {
    "float32": FAMILIES,
    "int8": {**FAMILIES, "rnn": Int8Model, "lstm": Int8Model, "gru": Int8Model, "classifier": Int8Classifier},
}
"""Families by the precision in which recurrent models compute, whatever they are stored in."""
