"""Which class reads a checkpoint of which kind: a new family adds one line here, and nothing else above it changes."""

from __future__ import annotations

from models.base import LanguageModel
from models.cache import CacheModel
from models.int8 import Int8Model
from models.mixture import MixtureModel
from models.neural_cache import NeuralCacheModel
from models.ngram import NgramModel
from models.recurrent import RecurrentModel

FAMILIES: dict[str, type[LanguageModel]] = {
    "ngram": NgramModel,
    "rnn": RecurrentModel,
    "lstm": RecurrentModel,
    "gru": RecurrentModel,
    "feedforward": RecurrentModel,
    "mixture": MixtureModel,
    "cache": CacheModel,
    "neural_cache": NeuralCacheModel,
}

PRECISIONS: dict[str, dict[str, type[LanguageModel]]] = {
    "float32": FAMILIES,
    "int8": {**FAMILIES, "rnn": Int8Model, "lstm": Int8Model, "gru": Int8Model},
}
"""The families by what recurrent models compute in, whatever precision they are stored in."""
