"""Estimation by ranges of first words: `Estimation`, its settings and files, and what parts share.

The work is done in `rounds`, and what they leave is joined by `packing`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from models.errors import InvalidInput
from models.model import Tensors
from models.ngram.config import NgramConfig
from models.ngram.count_table import Level
from models.ngram.counting.first_words import RangeCounts
from models.ngram.smoothing.order_rules import MOST_TALLIED, OrderRules, check_divisible
from models.recipes.map_reduce.plan import Plan
from models.recipes.map_reduce.range_files import Origin, read_range
from models.recipes.map_reduce.tensor_files import TensorFile, write_file
from models.recipes.map_reduce.work_folder import WorkFolder, altered
from models.utils.arrays import Float64Array, IntArray
from models.utils.scratch import Scratch


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
        counts, _ = read_range(*place, plan.order, plan.vocabulary_size, hint)
        self.scratch.watch(counts.unigrams)
        return counts

    def read(self, round_number: int, part: int) -> TensorFile:
        """Open what a part has made in a round. Raises InvalidInput, naming the file."""
        hint = f"run `nextword counts estimate --round {round_number} --part {part}/{self.plan.part_count}`"
        file = TensorFile.open(self.work.estimated(round_number, part), self._metadata(part), hint)
        for array in file.tensors.values():
            self.scratch.watch(array)
        return file

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
        return np.concatenate([file.read_counts("adjusted.1", size) for file, size in files])

    @cached_property
    def rules(self) -> OrderRules:
        """Rules of all orders, by the tallies of all parts."""
        tallies = np.zeros((self.plan.order, MOST_TALLIED + 2), np.int64)
        for part in self.parts:
            tallies += self.read(1, part).read_counts("tallies", tallies.size).reshape(tallies.shape)
        is_complete = bool(np.count_nonzero(self.unigram_counts) == self.plan.vocabulary_size)
        return OrderRules.of(self.config, tallies.tolist(), is_every_word_seen=is_complete)

    @cached_property
    def unigram_probabilities(self) -> Float64Array:
        """P(w) of all words [V], which every part computes for itself."""
        size, occurrences = self.plan.vocabulary_size, self.unigram_counts
        words = np.arange(size)
        level = Level(np.array([0, size]), words, np.zeros_like(words), occurrences)
        uniform, kept = np.full(size, 1.0 / size), np.ones(size, np.bool_)
        p, _ = self.rules.estimate(1, level, occurrences, kept, lambda part: uniform[part.rows], size, self.scratch)
        return p


def read_settings(work: WorkFolder) -> NgramConfig:
    """Return the settings by which the first part was estimated. Raises InvalidInput, naming the file."""
    path = work.estimated(1, 1)
    file = TensorFile.open(path, {}, "run `nextword counts estimate`")
    try:
        fields = json.loads(file.metadata["settings"])
        return NgramConfig(**{**fields, "prune": tuple(fields["prune"])})
    except (KeyError, TypeError, ValueError):
        raise altered(path) from None
