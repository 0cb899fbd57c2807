"""Parameters of gated layers by hand, and the clock."""

import numpy as np

from app.experiments.finding import ExperimentInput
from app.experiments.gated_units import EQUAL_GRU, GRU, LSTM, _configs, layer_parameters, step_time
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.network import Network


def test_layer_parameters_by_hand() -> None:
    # Each gate has a matrix for 5 inputs, one for 3 outputs, and two biases.
    lstm = RecurrentConfig("lstm", layers=1, embedding_size=5, hidden_size=3)
    assert layer_parameters(lstm) == 4 * 3 * (5 + 3 + 2)


def test_gated_units_are_compared_at_equal_width_and_at_equal_size() -> None:
    configs = _configs(ExperimentInput(np.zeros(0), np.zeros(0), ["a"] * 50, 16, 1.0, 1))
    assert configs[GRU].hidden_size == configs[LSTM].hidden_size == 16 < configs[EQUAL_GRU].hidden_size
    assert layer_parameters(configs[GRU]) / layer_parameters(configs[LSTM]) == 0.75


def test_step_time_is_positive() -> None:
    config = RecurrentConfig("gru", layers=1, embedding_size=2, hidden_size=2)
    assert step_time(RecurrentModel(config, Network(config, 4).arrays(), 4)) > 0
