"""Continuation counts by ranges of first words against those of one table."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram.counting.extraction import count_ngrams
from models.ngram.counting.first_words import RangeCounts, RangeLevel, cut_range
from models.ngram.counting.suffix_exchange import add_occurrences, keep_boundary_counts, links_into, second_words
from models.utils.scratch import Scratch
from tests.helpers.estimation import LINES, SIZE, concat_lines


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.integers(2, 5), st.lists(st.integers(0, SIZE), max_size=3).map(sorted), st.booleans())
def test_ranges_count_the_continuations_of_the_whole(
    tmp_path: Path, lines: list[list[int]], order: int, inner_cuts: list[int], is_limited: bool
) -> None:
    scratch = Scratch(1 << 40, tmp_path) if is_limited else Scratch()
    counts, cuts = count_ngrams(concat_lines(lines), order, SIZE), [0, *inner_cuts, SIZE]
    parts = [cut_range(counts, begin, end, scratch) for begin, end in pairwise(cuts)]
    found: list[list[int]] = [[] for _ in range(order - 1)]
    for number, own in enumerate(parts):
        sizes = len(own.unigrams), *(len(level.token) for level in own.levels[:-1])
        totals = [np.zeros(size, np.int64) for size in sizes]
        for source in parts:
            owners = second_words(source, cuts, scratch)
            add_occurrences(links_into(own, number, source, owners, scratch), totals, scratch)
        keep_boundary_counts(own, totals)
        for total, values in zip(totals, found, strict=True):
            values += total.tolist()
    assert found == [counts.adjusted_counts(n).tolist() for n in range(1, order)]


def test_links_into_refuses_an_ngram_without_its_suffix() -> None:
    # 0 0 0 occurs, and 0 0 does not: the bigrams are 0 1 and 1 0 alone.
    ints = [np.array(column, np.int32) for column in ([0, 1, 2], [1, 0], [1, 1], [0, 1, 1], [1], [1])]
    part = RangeCounts(0, np.array([1, 1], np.int32), [RangeLevel(*ints[:3]), RangeLevel(*ints[3:])])
    with pytest.raises(InvalidInput, match="must belong together"):
        links_into(part, 0, part, second_words(part, [0, 2], Scratch()), Scratch())
