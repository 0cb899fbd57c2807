"""Explanations: shares of open and closed gates counted by hand, and norms."""

import math

import numpy as np
import pytest

from models.neural.config import RecurrentConfig
from models.neural.explanation import EQUATIONS, explain_state, explain_tokens, gate_shares
from models.neural.int8.model import Int8Model
from tests.helpers.language_models import recurrent


def test_gate_shares_count_units_beyond_the_thresholds() -> None:
    shares = gate_shares(np.array([0.95, 0.89, 0.05, 0.02, 0.5], np.float32))
    assert shares == {"mean": pytest.approx(0.482), "open": 0.2, "closed": 0.4}


def test_gate_shares_of_what_is_not_finite_have_no_mean() -> None:
    assert gate_shares(np.array([math.nan, 0.95], np.float32)) == {"mean": None, "open": 0.5, "closed": 0.0}


def test_explain_tokens_of_a_gru_whose_biases_hold_gates_open_and_shut() -> None:
    config = RecurrentConfig("gru", layers=1, embedding_size=1, hidden_size=4)
    # Reset gates of three units stand open, of one shut; update gates are all open: the vector stays as it is.
    biases = np.array([9, 9, 9, -9, *[9] * 4, *[0] * 4], np.float32)
    weights = {
        "embedding": np.zeros((3, 1), np.float32),
        "layers.0.weight_ih": np.zeros((12, 1), np.float32),
        "layers.0.weight_hh": np.zeros((12, 4), np.float32),
        "layers.0.bias_ih": biases,
        "layers.0.bias_hh": np.zeros(12, np.float32),
    }
    state = (np.full((1, 1, 4), 0.5, np.float32),)
    explanation = explain_tokens(config, weights, state, np.array([2]))
    (token,) = explanation["tokens"]
    (layer,) = token["layers"]
    assert (token["token"], explanation["open_above"], explanation["closed_below"]) == (2, 0.9, 0.1)
    assert (layer["reset"]["open"], layer["reset"]["closed"]) == (0.75, 0.25)
    assert (layer["update"]["open"], layer["update"]["closed"]) == (1.0, 0.0)
    assert layer["hidden_norm"] == pytest.approx(1, abs=1e-3)  # four units of 0.5, hardly moved


def test_equations_name_both_conventions_of_the_update_gate() -> None:
    for words in ("(1 - z) n + z h", "(1 - z) h + z n", "Cho et al. 2014", "Chung et al. 2014"):
        assert words in EQUATIONS["gru"]


def test_explain_state_counts_saturated_units_of_an_elman_network() -> None:
    state = (np.array([[[0.95, -0.99, 0.1, 0.0]]], np.float32),)
    config = RecurrentConfig("rnn", layers=1, embedding_size=1, hidden_size=4)
    (layer,) = explain_state(config, state)["layers"]
    assert layer == {"hidden_norm": pytest.approx(math.hypot(0.95, 0.99, 0.1), abs=1e-4), "saturated": 0.5}
    config = RecurrentConfig("rnn", "relu", layers=1, embedding_size=1, hidden_size=4)
    assert explain_state(config, state)["layers"][0]["inactive"] == 0.25


@pytest.mark.parametrize(("kind", "gates"), [("lstm", {"input", "forget", "output"}), ("gru", {"reset", "update"})])
def test_explain_reading_tells_the_same_in_int8_and_float32(kind: str, gates: set[str]) -> None:
    models = recurrent(kind), recurrent(kind, family=Int8Model)
    read = np.array([[2, 5, 3]])
    told = [model.explain_reading(model.null_state(1), read) for model in models]
    assert told[0] == told[1]
    for token in told[0]["tokens"]:
        assert all(gates < layer.keys() for layer in token["layers"])


def test_explain_reading_ends_in_the_norms_of_the_state() -> None:
    model, read = recurrent("lstm"), np.array([[2, 5, 3]])
    last = model.explain_reading(model.begin_state(1), read)["tokens"][-1]["layers"]
    after = model.explain(model.advance(model.begin_state(1), read))["layers"]
    for layer, own in zip(last, after, strict=True):
        assert own == {name: pytest.approx(layer[name], abs=2e-4) for name in ("hidden_norm", "cell_norm")}
