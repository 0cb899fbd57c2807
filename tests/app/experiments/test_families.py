"""Sizes and costs of families, by hand."""

from app.experiments.families import equal_size_configs, multiply_adds, parameter_count
from models.neural.config import RecurrentConfig


def test_equal_size_configs_have_equal_parameters() -> None:
    sizes = [parameter_count(config, 1000) for config in equal_size_configs(32, 1000)]
    assert max(sizes) - min(sizes) < 0.01 * min(sizes)


def test_multiply_adds_of_an_lstm_by_hand() -> None:
    # Four gates read the token and the last output, both of 3; the tied matrix has 10 rows of 3.
    config = RecurrentConfig("lstm", layers=1, embedding_size=3, hidden_size=3)
    assert multiply_adds(config, 10) == 4 * 3 * (3 + 3) + 10 * 3
    # The look-up of a token's vector multiplies nothing, whether or not the output layer has a matrix of its own.
    untied = RecurrentConfig("lstm", layers=1, embedding_size=3, hidden_size=3, tied=False)
    assert multiply_adds(untied, 10) == multiply_adds(config, 10)
