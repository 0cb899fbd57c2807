"""Rounds of an estimation by ranges of first words, as many as the order: `estimate_part`.

In the first round a part finds which n-grams of all parts have their suffixes among its own, and so its continuation
counts, and tallies counts of counts. In round n it computes the probabilities of order n, for which the other parts
have handed down those of order n - 1, and hands its own down to them. A round begins when all parts are done with the
one before. All sums between parts are of whole numbers, so that no order of adding matters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.model import Tensors
from models.ngram.count_table import Level
from models.ngram.counting.first_words import RangeCounts
from models.ngram.counting.suffix_exchange import add_occurrences, keep_boundary_counts, links_into, second_words
from models.ngram.smoothing.estimate import LevelPart
from models.ngram.smoothing.estimator import kept_child_offsets, safe_log, select_kept
from models.ngram.smoothing.kneser_ney import counts_of_counts
from models.ngram.smoothing.order_rules import MOST_TALLIED, takes_continuations
from models.recipes.map_reduce.estimation import Estimation
from models.recipes.map_reduce.work_folder import altered
from models.utils.arrays import BoolArray, Float64Array, IntArray
from models.utils.scratch import gather


def estimate_part(estimation: Estimation, round_number: int, part: int) -> Path:
    """Do a round, from 1 to the order, for a part; return the file that it has written.

    Raises InvalidInput for a round or part that there is not, for settings whose n-grams cannot be divided, and where a
    file of an earlier round is missing or altered.
    """
    estimation.check()
    if not 1 <= round_number <= estimation.plan.order:
        raise InvalidInput("round", f"must be from 1 to {estimation.plan.order}, the order")
    own = estimation.counts(part)
    if round_number == 1:
        return estimation.write(1, part, _exchange(estimation, part, own))
    return estimation.write(round_number, part, _estimate(estimation, round_number, part, own))


def _exchange(estimation: Estimation, part: int, own: RangeCounts) -> Tensors:
    """Return links to the n-grams of a part, its continuation counts and its tallies."""
    scratch, tensors = estimation.scratch, dict[str, NDArray[Any]]()
    sizes = [len(own.unigrams), *(len(level.token) for level in own.levels)]
    continuations = [scratch.zeros(size, np.int64) for size in sizes[:-1]]
    for other in estimation.parts:
        source = own if other == part else estimation.counts(other)
        owners = second_words(source, estimation.plan.cuts, scratch)
        links = links_into(own, part - 1, source, owners, scratch)
        add_occurrences(links, continuations, scratch)
        tensors |= {f"links.{other}.{n}": rows for n, rows in enumerate(links[1:], start=3)}
    keep_boundary_counts(own, continuations)
    adjusted = [own.unigrams, *(level.occurrences for level in own.levels)]
    if takes_continuations(estimation.config):
        adjusted[:-1] = continuations
        tensors |= {f"adjusted.{n}": total for n, total in enumerate(continuations, start=1)}
    tallies = np.array([counts_of_counts(smoothed, MOST_TALLIED, scratch) for smoothed in adjusted], np.int64)
    return tensors | {"adjusted.1": adjusted[0], "tallies": tallies.reshape(-1)}


def _estimate(estimation: Estimation, n: int, part: int, own: RangeCounts) -> Tensors:
    """Return the numbers of order n of a part, and those that it hands down to the others."""
    scratch, range_level = estimation.scratch, own.levels[n - 2]
    size = len(range_level.token)
    exchanged = estimation.read(1, part)
    adjusted: IntArray = range_level.occurrences
    if takes_continuations(estimation.config) and n < estimation.plan.order:
        adjusted = exchanged.read_counts(f"adjusted.{n}", size)
    kept, contexts = _kept(estimation, own, n), _kept(estimation, own, n - 1)
    # Suffixes lie in other ranges; what is needed of them has been handed down.
    level = Level(range_level.child_offsets, range_level.token, range_level.token, range_level.occurrences)
    below = _handed_down(estimation, n, part, own)

    def values(piece: LevelPart) -> Float64Array:
        return below[piece.rows]

    words = estimation.plan.vocabulary_size
    p, weights = estimation.rules.estimate(n, level, adjusted, kept, values, words, scratch)
    tensors: Tensors = {
        "token": select_kept(range_level.token, kept, scratch),
        "logprob": safe_log(p, kept, scratch, most=0.0),
        "begins": kept_child_offsets(level, contexts, kept, scratch),
        "backoff": safe_log(weights, contexts, scratch),
    }
    if n < estimation.plan.order:
        for other in estimation.parts:
            links = exchanged.read_rows(f"links.{other}.{n + 1}", size)
            tensors[f"down.{other}"] = gather(p, links, scratch)
    return tensors


def _kept(estimation: Estimation, own: RangeCounts, n: int) -> BoolArray:
    """Return which n-grams of order n of a part are kept [rows]; all words are."""
    if n == 1:
        return np.ones(len(own.unigrams), np.bool_)
    occurrences, threshold = own.levels[n - 2].occurrences, estimation.config.thresholds[n - 1]
    kept: BoolArray = estimation.scratch.empty(len(occurrences), np.bool_)
    for piece in estimation.scratch.slices(len(occurrences)):
        np.greater(occurrences[piece], threshold, out=kept[piece])
    return kept


def _handed_down(estimation: Estimation, n: int, part: int, own: RangeCounts) -> Float64Array:
    """Return the probabilities of the suffixes [rows] of the n-grams of order n of a part."""
    scratch, token = estimation.scratch, own.levels[n - 2].token
    below: Float64Array = scratch.empty(len(token), np.float64)
    if n == 2:
        for piece in scratch.slices(len(token)):
            below[piece] = estimation.unigram_probabilities[token[piece]]
        return below
    owners = second_words(own, estimation.plan.cuts, scratch)[n - 2]
    for other in estimation.parts:
        file, place = estimation.read(n - 1, other), 0
        values = file.read(f"down.{part}", np.floating)
        for piece in scratch.slices(len(token)):
            rows = np.flatnonzero(owners[piece] == other - 1)
            if place + len(rows) > len(values):
                raise altered(file.path)
            below[piece][rows] = values[place : place + len(rows)]
            place += len(rows)
        if place != len(values):
            raise altered(file.path)
    return below
