"""Figures of the hypotheses of n-best lists: log-probabilities by several models, words and errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from models.data.labelled.nbest import NbestList
from models.evaluation.rescoring.coordinate_search import NbestFeatures
from models.evaluation.rescoring.edit_distance import edit_distances
from models.evaluation.rescoring.tuned_weights import ErrorUnit
from models.evaluation.text_size import word_count
from models.inference.scoring import score_texts
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Float64Array, Int64Array

TEXTS_PER_CALL = 1024
"""Hypotheses that are scored in one call, which holds the log-probabilities of all their tokens."""


@dataclass(frozen=True)
class Scorer:
    """A model that scores hypotheses, with its tokenizer."""

    model: LanguageModel
    tokenizer: Tokenizer


def split_units(text: str, unit: ErrorUnit) -> list[str]:
    """Return the words of a text, or its characters.

    >>> split_units("a fine day", "words"), split_units("a fine", "characters")
    (['a', 'fine', 'day'], ['a', 'f', 'i', 'n', 'e'])
    """
    return text.split() if unit == "words" else list("".join(text.split()))


def count_errors(lists: Sequence[NbestList], unit: ErrorUnit) -> tuple[Int64Array, int]:
    """Return the errors [L, N] of the hypotheses, 0 where there is none, and the units of all references."""
    errors = np.zeros((len(lists), max(len(item.hypotheses) for item in lists)), np.int64)
    units = 0
    for row, item in zip(errors, lists, strict=True):
        reference = split_units(item.reference, unit)
        units += len(reference)
        hypotheses = [split_units(hypothesis.text, unit) for hypothesis in item.hypotheses]
        row[: len(hypotheses)] = edit_distances(reference, hypotheses)
    return errors, units


def score_nbest(
    lists: Sequence[NbestList], scorers: Sequence[Scorer], zero_logprob: float
) -> Generator[int, None, Float64Array]:
    """Return figures [L, N, 2 M + 2] of hypotheses by M models; yields the size of each chunk in tokens.

    They are the recogniser's score, log P by each model, the number of words, and by each model the number of unknown
    words with its sign turned, so that its weight is a penalty. Raises InvalidText as `score_texts` does.
    """
    count = len(scorers)
    figures = np.zeros((len(lists), max(len(item.hypotheses) for item in lists), 2 * count + 2))
    for row, item in zip(figures, lists, strict=True):
        row[: len(item.hypotheses), 0] = [hypothesis.score for hypothesis in item.hypotheses]
        row[: len(item.hypotheses), count + 1] = [word_count(hypothesis.text) for hypothesis in item.hypotheses]
    for m, scorer in enumerate(scorers):
        for context, places in _places_by_context(lists).items():
            for begin in range(0, len(places), TEXTS_PER_CALL):
                part = np.array(places[begin : begin + TEXTS_PER_CALL])
                texts = [lists[i].hypotheses[j].text for i, j in part.tolist()]
                scores = yield from score_texts(scorer.model, scorer.tokenizer, texts, context=context)
                at = part[:, 0], part[:, 1]
                figures[(*at, 1 + m)] = [score.logprob_with_floor(zero_logprob) for score in scores]
                figures[(*at, 2 + count + m)] = [-score.oov_count for score in scores]
    return figures


def _places_by_context(lists: Sequence[NbestList]) -> dict[str, list[tuple[int, int]]]:
    """Return for each context the lists and indices of the hypotheses that follow it."""
    places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for i, item in enumerate(lists):
        places[item.context] += [(i, j) for j in range(len(item.hypotheses))]
    return places


def nbest_features(lists: Sequence[NbestList], figures: Float64Array, errors: Int64Array) -> NbestFeatures:
    """Return figures and errors of the lists with the mark of the places that hold a hypothesis."""
    lengths = np.array([len(item.hypotheses) for item in lists])
    return NbestFeatures(figures, errors, np.arange(errors.shape[1]) < lengths[:, None])
