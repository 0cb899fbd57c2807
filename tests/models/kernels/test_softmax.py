"""Log-probabilities of one row, against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from models.kernels.softmax import log_softmax, softmax_buffers


@njit
def in_place(row):
    log_softmax(row, softmax_buffers(len(row)))


def log_softmax_of(row: NDArray[np.float32]) -> NDArray[np.float32]:
    row = row.copy()
    in_place(row)
    return row


@given(st.integers(1, 1100), st.integers(0, 9), st.sampled_from([0, 1, 10, 1e3]), st.sampled_from([0, -1e4, 1e4]))
def test_log_softmax_equals_numpy(size, seed, spread, shift):
    row = (np.random.default_rng(seed).normal(size=size) * spread + shift).astype(np.float32)
    exact = row.astype(np.float64)
    exact -= exact.max()
    exact -= np.log(np.exp(exact).sum())
    assert np.allclose(log_softmax_of(row), exact, rtol=2e-7, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, -np.float32(np.nan), np.inf])
@pytest.mark.parametrize("place", [0, 299])
def test_log_softmax_is_nan_where_one_number_is_nan_or_infinite(bad, place):
    row = np.zeros(300, np.float32)
    row[place] = bad
    assert np.isnan(log_softmax_of(row)).all()


def test_log_softmax_keeps_minus_infinity():
    row = np.array([0, -np.inf, 0], np.float32)
    assert log_softmax_of(row).tolist() == [-np.float32(np.log(2)), -np.inf, -np.float32(np.log(2))]
