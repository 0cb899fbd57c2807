"""Arrays: rows of different lengths, largest numbers of rows, and sums of exponentials."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.utils.arrays import are_offsets, concat_rows, log_sum_exp, padded_indices, top_k


def test_concat_rows_returns_where_each_row_ends() -> None:
    ids, ends = concat_rows([np.array([5, 6], np.int32), np.array([], np.int32), np.array([7], np.int32)])
    assert (ids.tolist(), ends.tolist()) == ([5, 6, 7], [2, 2, 3])
    assert [array.tolist() for array in concat_rows([])] == [[], []]


def test_padded_indices_hold_each_row_from_the_left() -> None:
    positions, is_token = padded_indices(np.array([0, 5]), np.array([3, 1]))
    assert positions.tolist() == [[0, 1, 2], [5, 5, 5]]
    assert is_token.tolist() == [[True, True, True], [True, False, False]]


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(st.sampled_from([0.0, -1.0, 2.5, -np.inf]), min_size=9, max_size=9), min_size=1, max_size=3),
    k=st.integers(0, 12),
)
def test_top_k_takes_the_largest_and_of_equal_numbers_the_first(rows: list[list[float]], k: int) -> None:
    values, positions = top_k(np.array(rows, np.float32), k)
    expected = [sorted(range(9), key=lambda i, row=row: -row[i])[:k] for row in rows]  # type: ignore[misc]
    assert positions.tolist() == expected
    assert values.tolist() == [[row[i] for i in order] for row, order in zip(rows, expected, strict=True)]


def test_log_sum_exp_adds_probabilities_and_zeros() -> None:
    terms = [np.array(probabilities, np.float32) for probabilities in ([0.25, 1e-30, 0.0], [0.5, 0.0, 0.0])]
    with np.errstate(divide="ignore"):
        terms = [np.log(probabilities) for probabilities in terms]
    assert log_sum_exp(terms) == pytest.approx([np.log(0.75), np.log(1e-30), -np.inf])


def test_are_offsets_compares_numbers_whose_difference_overflows() -> None:
    assert are_offsets(np.array([0, 2, 2, 5]), 5)
    assert are_offsets(np.array([0]), 0)
    assert not any(
        are_offsets(np.array(bad), 5) for bad in ([1, 5], [0, 4], [0, 3, 2, 5], [0, 2**62 + 1, -(2**62) - 1, 5])
    )
