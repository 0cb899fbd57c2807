"""Classes of models by the kind in a checkpoint's card.

A new family adds a line here; nothing that loads, measures or serves models changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.checkpoint.card import Card
from models.checkpoint.counts_file import COUNTS_FILE
from models.composite.cache import CacheModel
from models.composite.mixture import MixtureModel
from models.composite.neural_cache import NeuralCacheModel
from models.model import Capability, Model
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel
from models.ngram.kenlm_model import KenlmModel
from models.ngram.model import NgramModel
from models.tasks.classification.model import Int8Classifier, RecurrentClassifier
from models.tasks.classification.ngram_model import LogisticRegressionClassifier, NaiveBayesClassifier
from models.tasks.fill_in.model import Int8FillIn, RecurrentFillIn
from models.tasks.fill_in.pair import LanguageModelPair
from models.tasks.question_answering.model import Int8Reader, Reader
from models.tasks.question_answering.nearest_sentence import NearestSentence
from models.tasks.tagging.hmm.model import HmmTagger
from models.tasks.tagging.model import Int8Tagger, RecurrentTagger

FAMILIES: dict[str, type[Model]] = {
    "ngram": NgramModel,
    "kenlm": KenlmModel,
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
    "fill_in": RecurrentFillIn,
    "language_model_pair": LanguageModelPair,
    "reader": Reader,
    "nearest_sentence": NearestSentence,
    "tagger": RecurrentTagger,
    "hmm_tagger": HmmTagger,
}

FAMILIES_BY_PRECISION: dict[str, dict[str, type[Model]]] = {
    "float32": FAMILIES,
    "int8": {
        **FAMILIES,
        "rnn": Int8Model,
        "lstm": Int8Model,
        "gru": Int8Model,
        "classifier": Int8Classifier,
        "fill_in": Int8FillIn,
        "reader": Int8Reader,
        "tagger": Int8Tagger,
    },
}
"""Families by the precision in which recurrent models compute, whatever they are stored in."""


def capabilities_of(card: Card, families: Mapping[str, type[Model]]) -> frozenset[Capability]:
    """Return what a model can be asked, by its card alone. Raises KeyError for an unknown kind."""
    if card.reads_backward:
        return frozenset()
    family = families[card.kind]
    return family.capabilities | ({"counts"} if issubclass(family, NgramModel) and COUNTS_FILE in card.files else set())


def precision_of(kinds: Iterable[str], families: Mapping[str, type[Model]]) -> str:
    """Return what a model computes in, by the kinds of itself and of all that it is made of."""
    return "int8" if any(families.get(kind) is not FAMILIES.get(kind) for kind in kinds) else "float32"
