"""Steps of cells against torch's, and the functions they are made of against double precision."""

import numpy as np
import pytest
import torch
from numba import njit
from torch import nn

from models.kernels.softmax import exp
from models.neural.int8.cells import CELLS, cell_step, sigmoid, tanh

EXTREMES = [0.0, 1e-30, 88.0, 100.0, 1e4, 3e38, np.inf]


def over(function):
    @njit(error_model="numpy")
    def loop(numbers, results):
        for i in range(len(numbers)):
            results[i] = function(numbers[i])

    def apply(numbers):
        numbers = np.asarray(numbers, np.float32)
        results = np.zeros_like(numbers)
        loop(numbers, results)
        return results

    return apply


def test_exp_is_accurate_over_its_range():
    x = np.linspace(-87, 87, 100_001).astype(np.float32)
    # The product x * log2(e), rounded, is off by at most half a unit of 128's last place, 2 ** -18.
    np.testing.assert_allclose(over(exp)(x), np.exp(x.astype(np.float64)), rtol=1e-5)
    near = np.linspace(-1, 1, 100_001).astype(np.float32)
    np.testing.assert_allclose(over(exp)(near), np.exp(near.astype(np.float64)), rtol=4e-7)


@pytest.mark.parametrize(("ours", "exact"), [(sigmoid, torch.sigmoid), (tanh, torch.tanh)])
def test_sigmoid_and_tanh_are_accurate_everywhere(ours, exact):
    x = np.concatenate([np.linspace(-30, 30, 100_001), EXTREMES, np.negative(EXTREMES)]).astype(np.float32)
    np.testing.assert_allclose(over(ours)(x), exact(torch.from_numpy(x).double()).numpy(), atol=3e-7)


@pytest.mark.parametrize("function", [exp, sigmoid, tanh])
def test_exp_sigmoid_and_tanh_keep_nan(function):
    assert np.isnan(over(function)([np.nan, 0.0] * 50)).tolist() == [True, False] * 50


@pytest.mark.parametrize("hidden", [1, 7, 8, 33])
@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_cell_step_equals_torch(kind, hidden):
    torch.manual_seed(hidden)
    cell = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}.get(kind, nn.RNNCell)
    cell = cell(5, hidden, **({"nonlinearity": kind[4:]} if kind.startswith("rnn") else {}))
    x, vector, memory = 3 * torch.randn(1, 5), torch.randn(1, hidden), torch.randn(1, hidden)
    gates = (x @ cell.weight_ih.T + cell.bias_ih)[0].numpy()
    state_gates = (vector @ cell.weight_hh.T + cell.bias_hh)[0].numpy()
    expected = cell(x, (vector, memory)) if kind == "lstm" else (cell(x, vector),)
    cell_step(CELLS.index(kind), gates, state_gates, vector[0].numpy(), memory[0].numpy())
    for result, exact in zip((vector, memory), expected, strict=False):
        torch.testing.assert_close(result, exact, atol=1e-6, rtol=1e-6)
