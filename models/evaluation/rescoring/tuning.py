"""Tuning of the weights of rescoring on n-best lists with references: `tune`."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from models.data.labelled.nbest import NbestList
from models.errors import InvalidInput
from models.evaluation.rescoring.coordinate_search import NbestFeatures, search_weights
from models.evaluation.rescoring.nbest_scores import (
    Scorer,
    count_errors,
    nbest_features,
    score_nbest,
    split_units,
)
from models.evaluation.rescoring.tuned_weights import ErrorUnit, TunedWeights, Tuning, TuningErrors
from models.utils.arrays import Float64Array
from models.utils.progress import Progress, with_progress

FOLDS = 5
"""Parts of the lists, each of which is judged by weights that were tuned on the others."""


def tune(
    lists: Sequence[NbestList],
    scorers: Sequence[Scorer],
    unit: ErrorUnit = "words",
    zero_logprob: float = -100.0,
) -> Generator[Progress, None, Tuning]:
    """Score the hypotheses with each model, and find the weights with the fewest errors.

    The same lists have the same weights. `zero_logprob` is what a token of probability zero counts as (nats). Raises
    InvalidInput for references without a word, InvalidText for a text that a tokenizer cannot read.
    """
    if not any(split_units(item.reference, unit) for item in lists):
        raise InvalidInput("reference", "must hold a word in at least one list")
    figures = yield from with_progress(score_nbest(lists, scorers, zero_logprob), "scoring")
    return (yield from find_weights(lists, figures, unit))


def find_weights(
    lists: Sequence[NbestList], figures: Float64Array, unit: ErrorUnit = "words"
) -> Generator[Progress, None, Tuning]:
    """Find the weights of the figures of `score_nbest` with the fewest errors."""
    errors, length = count_errors(lists, unit)
    features = nbest_features(lists, figures, errors)
    weights = yield from search_weights(features)
    held_out = (yield from _count_held_out(features)) if len(lists) >= 2 * FOLDS else None
    own_order = np.eye(figures.shape[2])[0]
    counts = features.error_count(own_order), features.error_count(weights), held_out, features.oracle_errors
    size = sum(len(item.hypotheses) for item in lists)
    return Tuning(TunedWeights.of(weights), TuningErrors(*counts), unit, len(lists), size, length)


def _count_held_out(features: NbestFeatures) -> Generator[Progress, None, int]:
    """Return the errors of every list by weights that were found without its fold."""
    folds, errors = np.arange(len(features.errors)) % FOLDS, 0
    for fold in range(FOLDS):
        weights = yield from search_weights(features.select(np.flatnonzero(folds != fold)), "checking")
        errors += features.select(np.flatnonzero(folds == fold)).error_count(weights)
    return errors
