"""Rows of different lengths, flat and in rectangles."""

import numpy as np

from models.utils.arrays import concat_rows, padded_indices


def test_concat_rows_returns_where_each_row_ends() -> None:
    ids, ends = concat_rows([np.array([5, 6], np.int32), np.array([], np.int32), np.array([7], np.int32)])
    assert (ids.tolist(), ends.tolist()) == ([5, 6, 7], [2, 2, 3])
    assert [array.tolist() for array in concat_rows([])] == [[], []]


def test_padded_indices_hold_each_row_from_the_left() -> None:
    positions, is_token = padded_indices(np.array([0, 5]), np.array([3, 1]))
    assert positions.tolist() == [[0, 1, 2], [5, 5, 5]]
    assert is_token.tolist() == [[True, True, True], [True, False, False]]
