"""Counts cut by first words, summed and joined, against counting at once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.ngram.counting.extraction import count_ngrams
from models.ngram.counting.first_words import RangeCounts, RangeLevel, cut_range, join_ranges, sum_ranges
from models.utils.scratch import Scratch
from tests.helpers.estimation import LINES, SIZE, assert_same_counts, concat_lines


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(LINES, min_size=1, max_size=4),
    st.integers(1, 5),
    st.lists(st.integers(0, SIZE), max_size=4).map(sorted),
    st.booleans(),
)
def test_join_ranges_equals_counting_at_once(
    tmp_path: Path, shards: list[list[list[int]]], order: int, inner_cuts: list[int], is_limited: bool
) -> None:
    scratch = Scratch(1 << 40, tmp_path) if is_limited else Scratch()
    whole = concat_lines([line for lines in shards for line in lines])
    counts = [count_ngrams(concat_lines(lines), order, SIZE) for lines in shards]
    parts = []
    for begin, end in pairwise([0, *inner_cuts, SIZE]):
        cut = (cut_range(shard, begin, end, scratch) for shard in counts)
        parts.append(sum_ranges(cut, range(begin, end), order, len(whole), scratch))
        parts[-1].check(SIZE)
    assert_same_counts(join_ranges(parts, len(whole), scratch), count_ngrams(whole, order, SIZE))


def _range(offsets: list[int], token: list[int], occurrences: list[int]) -> RangeCounts:
    columns: list[NDArray[np.int32]] = [np.array(column, np.int32) for column in (offsets, token, occurrences)]
    return RangeCounts(0, np.array([1, 1], np.int32), [RangeLevel(*columns)])


@pytest.mark.parametrize(
    "unsound",
    [
        _range([0, 1], [1], [1]),
        _range([0, 2, 1], [0, 1], [1, 1]),
        _range([0, 1, 3], [0, 1], [1, 1]),
        _range([0, 1, 2], [0, 2], [1, 1]),
        _range([0, 1, 2], [-1, 0], [1, 1]),
        _range([0, 2, 2], [1, 1], [1, 1]),
        _range([0, 1, 2], [0, 1], [1, 0]),
        _range([0, 1, 2], [0, 1], [1]),
        RangeCounts(0, np.array([-1, 1]), []),
        RangeCounts(0, np.array([0.5, 1]), []),  # type: ignore[arg-type]
    ],
    ids=["contexts", "falling", "beyond", "unknown word", "negative word", "twice", "never", "short", "below", "half"],
)
def test_check_refuses_counts_that_would_lead_loops_astray(unsound: RangeCounts) -> None:
    _range([0, 1, 2], [0, 1], [1, 1]).check(2)
    with pytest.raises(InvalidInput, match="counts: must be n-grams in order"):
        unsound.check(2)


def test_join_ranges_refuses_an_ngram_without_its_suffix() -> None:
    # 0 0 0 occurs, and 0 0 does not: the bigrams are 0 1 and 1 0 alone.
    ints = [np.array(column, np.int32) for column in ([0, 1, 2], [1, 0], [1, 1], [0, 1, 1], [1], [1])]
    part = RangeCounts(0, np.array([1, 1], np.int32), [RangeLevel(*ints[:3]), RangeLevel(*ints[3:])])
    with pytest.raises(InvalidInput, match="must belong together"):
        join_ranges([part], 5, Scratch())
