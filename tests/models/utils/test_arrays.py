"""Rows of different lengths, flat and in rectangles."""

import numpy as np

from models.utils.arrays import concat_rows, padded_indices


def test_rows_are_joined_and_told_apart_by_their_ends() -> None:
    ids, ends = concat_rows([np.array([5, 6], np.int32), np.array([], np.int32), np.array([7], np.int32)])
    assert (ids.tolist(), ends.tolist()) == ([5, 6, 7], [2, 2, 3])
    assert [array.tolist() for array in concat_rows([])] == [[], []]


def test_a_rectangle_holds_each_row_from_the_left() -> None:
    at, inside = padded_indices(np.array([0, 5]), np.array([3, 1]))
    assert at.tolist() == [[0, 1, 2], [5, 5, 5]]
    assert inside.tolist() == [[True, True, True], [True, False, False]]
