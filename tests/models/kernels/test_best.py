"""The best numbers of rows by one pass, against sorting."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.kernels.best import FEW, best_of_rows
from models.utils.arrays import top_k


@given(st.integers(0, 4), st.integers(1, 90), st.integers(0, FEW), st.integers(1, 9), st.integers(0, 99))
def test_best_of_rows_is_what_sorting_finds_ties_and_all(rows: int, size: int, count: int, kinds: int, seed: int):
    numbers = np.random.default_rng(seed)
    values = numbers.choice(np.array([-np.inf, *range(kinds)], np.float32), (rows, size))
    order = np.argsort(-values, axis=1, kind="stable")[:, :count]
    for found in (best_of_rows(values, count), best_of_rows(values[:, ::-1][:, ::-1], count), top_k(values, count)):
        assert np.array_equal(found[1], order)
        assert np.array_equal(found[0], np.take_along_axis(values, order, 1))


def test_best_of_rows_that_fall_or_rise() -> None:
    rows = np.stack([np.arange(1000), np.arange(1000)[::-1]]).astype(np.float32)
    assert best_of_rows(rows, 3)[1].tolist() == [[999, 998, 997], [0, 1, 2]]
