"""One token of each row, against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.choosing import BROKEN, IMPOSSIBLE, choose


@given(st.integers(1, 700), st.integers(1, 5), st.integers(0, 99), st.sampled_from([0.3, 1.0, 4.0]))
def test_it_is_where_numpy_says(size, rows, seed, temperature):
    numbers = np.random.default_rng(seed)
    logprobs = numbers.normal(size=(rows, size)).astype(np.float32)
    logprobs[numbers.random((rows, size)) < 0.3] = -np.inf
    logprobs[:, numbers.integers(size)] = 2
    points = numbers.random(rows)
    chosen = choose(logprobs, np.full(rows, temperature, np.float32), points)
    best = choose(logprobs, np.zeros(rows, np.float32), points)
    masses = np.exp(logprobs.astype(np.float64) / temperature).cumsum(1)
    for row in range(rows):
        before, after = np.append(0, masses[row])[chosen[row] : chosen[row] + 2]
        assert before - 1e-5 * masses[row, -1] <= points[row] * masses[row, -1] <= after + 1e-5 * masses[row, -1]
        assert logprobs[row, chosen[row]] > -np.inf
        assert best[row] == logprobs[row].argmax()


@pytest.mark.parametrize("temperature", [0, 1])
def test_rows_that_are_no_distributions(temperature):
    rows = np.zeros((5, 300), np.float32)
    rows[0, 299], rows[1, 0], rows[2, 9], rows[3] = np.nan, -np.float32(np.nan), np.inf, -np.inf
    chosen = choose(rows, np.full(5, temperature, np.float32), np.full(5, 0.0))
    assert chosen.tolist() == [BROKEN, BROKEN, BROKEN, IMPOSSIBLE, 0]
