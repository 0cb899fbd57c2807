"""Estimation by ranges of first words, in as many rounds as the order: `estimate_part`.

In the first round a part finds which n-grams of all parts have their suffixes among its own, and so its continuation
counts, and tallies counts of counts. In round n it computes the probabilities of order n, for which the other parts
have handed down those of order n - 1, and hands its own down to them. A round begins when all parts are done with the
one before. All sums between parts are of whole numbers, so that no order of adding matters.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.model import Tensors
from models.ngram.config import NgramConfig
from models.ngram.count_table import Level
from models.ngram.counting.first_words import RangeCounts
from models.ngram.counting.suffix_exchange import add_occurrences, keep_boundary_counts, links_into, second_words
from models.ngram.smoothing.estimate import LevelPart
from models.ngram.smoothing.estimator import kept_child_offsets, safe_log, select_kept
from models.ngram.smoothing.kneser_ney import counts_of_counts
from models.ngram.smoothing.order_rules import MOST_TALLIED, OrderRules, check_divisible, takes_continuations
from models.recipes.map_reduce.plan import Plan
from models.recipes.map_reduce.range_files import Origin, read_range
from models.recipes.map_reduce.tensor_files import TensorFile, write_file
from models.recipes.map_reduce.work_folder import WorkFolder, altered
from models.utils.arrays import BoolArray, Float64Array, IntArray
from models.utils.scratch import Scratch, gather, let_go_of


@dataclass(frozen=True)
class Estimation:
    """Estimation of `config` by the plan of a folder; `check` refuses what cannot be divided."""

    work: WorkFolder
    plan: Plan
    config: NgramConfig
    scratch: Scratch

    def check(self) -> None:
        """Raise InvalidInput for another order than the plan's, and for what needs all n-grams in one place."""
        if self.config.order != self.plan.order:
            raise InvalidInput("order", f"must be {self.plan.order}, as the plan has it, or be left out")
        check_divisible(self.config, closed=self.plan.reading.tokenizer.closed)

    @property
    def parts(self) -> range:
        """Numbers of all parts."""
        return range(1, self.plan.part_count + 1)

    def counts(self, part: int) -> RangeCounts:
        """Map the counts of a part."""
        plan = self.plan
        hint = f"run `nextword counts reduce --part {part}/{plan.part_count}`"
        place = self.work.reduced(part), Origin(plan.id, part), plan.words(part)
        return read_range(*place, plan.order, plan.vocabulary_size, hint)[0]

    def read(self, round_number: int, part: int) -> TensorFile:
        """Open what a part has made in a round. Raises InvalidInput, naming the file."""
        hint = f"run `nextword counts estimate --round {round_number} --part {part}/{self.plan.part_count}`"
        return TensorFile.open(self.work.estimated(round_number, part), self._metadata(part), hint)

    def write(self, round_number: int, part: int, tensors: Tensors) -> Path:
        """Write what a part has made in a round, and return the file."""
        path = self.work.estimated(round_number, part)
        write_file(tensors, self._metadata(part), path)
        return path

    def _metadata(self, part: int) -> dict[str, str]:
        settings = json.dumps(asdict(self.config), sort_keys=True)
        return Origin(self.plan.id, part).metadata | {"settings": settings}

    @cached_property
    def unigram_counts(self) -> IntArray:
        """Counts of all words [V] that are smoothed, which the first round has left."""
        files = ((self.read(1, part), len(self.plan.words(part))) for part in self.parts)
        return np.concatenate([file.read("adjusted.1", np.signedinteger, size) for file, size in files])

    @cached_property
    def rules(self) -> OrderRules:
        """Rules of all orders, by the tallies of all parts."""
        shape = self.plan.order, MOST_TALLIED + 2
        files = (self.read(1, part) for part in self.parts)
        tallies = sum(file.read("tallies", np.floating, shape[0] * shape[1]).reshape(shape) for file in files)
        is_complete = bool(np.count_nonzero(self.unigram_counts) == self.plan.vocabulary_size)
        return OrderRules.of(self.config, np.asarray(tallies).tolist(), is_every_word_seen=is_complete)

    @cached_property
    def unigram_probabilities(self) -> Float64Array:
        """P(w) of all words [V], which every part computes for itself."""
        size, occurrences = self.plan.vocabulary_size, self.unigram_counts
        words = np.arange(size)
        level = Level(np.array([0, size]), words, np.zeros_like(words), occurrences)
        uniform, kept = np.full(size, 1.0 / size), np.ones(size, np.bool_)
        p, _ = self.rules.estimate(1, level, occurrences, kept, lambda part: uniform[part.rows], size, self.scratch)
        return p


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
        for column in (column for level in source.levels for column in level):
            let_go_of(column, unchanged=True)
    keep_boundary_counts(own, continuations)
    adjusted = [own.unigrams, *(level.occurrences for level in own.levels)]
    if takes_continuations(estimation.config):
        adjusted[:-1] = continuations
        tensors |= {f"adjusted.{n}": total for n, total in enumerate(continuations, start=1)}
    tallies = np.array([counts_of_counts(smoothed, MOST_TALLIED, scratch) for smoothed in adjusted])
    return tensors | {"adjusted.1": adjusted[0], "tallies": tallies.reshape(-1)}


def _estimate(estimation: Estimation, n: int, part: int, own: RangeCounts) -> Tensors:
    """Return the numbers of order n of a part, and those that it hands down to the others."""
    scratch, range_level = estimation.scratch, own.levels[n - 2]
    size = len(range_level.token)
    exchanged = estimation.read(1, part)
    adjusted: IntArray = range_level.occurrences
    if takes_continuations(estimation.config) and n < estimation.plan.order:
        adjusted = exchanged.read(f"adjusted.{n}", np.signedinteger, size)
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
    return below


def read_settings(work: WorkFolder) -> NgramConfig:
    """Return the settings by which the first part was estimated. Raises InvalidInput, naming the file."""
    path = work.estimated(1, 1)
    file = TensorFile.open(path, {}, "run `nextword counts estimate`")
    try:
        fields = json.loads(file.metadata["settings"])
        return NgramConfig(**{**fields, "prune": tuple(fields["prune"])})
    except (KeyError, TypeError, ValueError):
        raise altered(path) from None
