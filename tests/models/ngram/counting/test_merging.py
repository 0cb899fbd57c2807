"""Merged counts against the counts of both texts at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram.counting.extraction import count_ngrams
from models.ngram.counting.merging import merge_counts
from tests.helpers.estimation import LINES, assert_same_counts, concat_lines


@settings(max_examples=100, deadline=None)
@given(LINES, LINES, st.integers(1, 6))
def test_merge_counts_equals_counting_together(first: list[list[int]], second: list[list[int]], order: int) -> None:
    parts = [count_ngrams(concat_lines(lines), order, 6) for lines in (first, second)]
    assert_same_counts(merge_counts(*parts), count_ngrams(concat_lines([*first, *second]), order, 6))


def test_merge_counts_refuses_other_orders_or_vocabularies() -> None:
    text = np.array([2, 3, 1])
    for other in (count_ngrams(text, 3, 6), count_ngrams(text, 2, 7)):
        with pytest.raises(InvalidInput, match="one order and one vocabulary"):
            merge_counts(count_ngrams(text, 2, 6), other)
