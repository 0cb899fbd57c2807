"""Sampling a token of each row, against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.kernels.sampling import EXCLUDABLE_IDS, NO_TOKEN, NOT_FINITE, SamplingMetadata


def sample(rows: NDArray[np.float32], temperature: float, uniforms: NDArray[np.float64]) -> list[int]:
    excluded = np.zeros((len(rows), EXCLUDABLE_IDS), np.bool_)
    sampling = SamplingMetadata(np.full(len(rows), temperature, np.float32), uniforms, excluded, {})
    return sampling.sample(rows)[0].tolist()


@given(st.integers(1, 700), st.integers(1, 5), st.integers(0, 99), st.sampled_from([0.3, 1.0, 4.0]))
def test_sample_is_where_numpy_says(size, rows, seed, temperature):
    numbers = np.random.default_rng(seed)
    logprobs = numbers.normal(size=(rows, size)).astype(np.float32)
    logprobs[numbers.random((rows, size)) < 0.3] = -np.inf
    logprobs[:, numbers.integers(size)] = 2
    uniforms = numbers.random(rows)
    tokens = sample(logprobs, temperature, uniforms)
    best = sample(logprobs, 0, uniforms)
    masses = np.exp(logprobs.astype(np.float64) / temperature).cumsum(1)
    for row in range(rows):
        before, after = np.append(0, masses[row])[tokens[row] : tokens[row] + 2]
        assert before - 1e-5 * masses[row, -1] <= uniforms[row] * masses[row, -1] <= after + 1e-5 * masses[row, -1]
        assert logprobs[row, tokens[row]] > -np.inf
        assert best[row] == logprobs[row].argmax()


@pytest.mark.parametrize("temperature", [0, 1])
def test_sample_marks_rows_that_are_no_distributions(temperature):
    rows = np.zeros((5, 300), np.float32)
    rows[0, 299], rows[1, 0], rows[2, 9], rows[3] = np.nan, -np.float32(np.nan), np.inf, -np.inf
    assert sample(rows, temperature, np.zeros(5)) == [NOT_FINITE, NOT_FINITE, NOT_FINITE, NO_TOKEN, 0]


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 300])
def test_sample_makes_excluded_tokens_impossible(temperature, size):
    rows = np.zeros((4, size), np.float32)
    excluded = np.array([[False, False], [True, False], [False, True], [True, True]])
    sampling = SamplingMetadata(np.full(4, temperature, np.float32), np.zeros(4), excluded, {})
    tokens, logprobs = sampling.sample(rows)
    allowed = [[j for j in range(size) if j >= EXCLUDABLE_IDS or not excluded[row, j]] for row in range(4)]
    assert tokens.tolist() == [ids[0] if ids else NO_TOKEN for ids in allowed]
    assert [np.flatnonzero(row > -np.inf).tolist() for row in rows] == allowed
    assert (logprobs[tokens >= 0] == 0).all()
