"""Float32 inference by NumPy, against that by PyTorch."""

import subprocess
import sys

import numpy as np
import pytest

from models.errors import InvalidInput
from models.neural import numpy_backend
from models.neural.config import RecurrentConfig
from models.neural.float_backend import FloatBackend
from models.neural.model import weight_shapes
from models.neural.numpy_backend import LazyFloatBackend, NumpyBackend

VOCABULARY = 11
CONFIGS = {
    "lstm": RecurrentConfig("lstm", layers=2, embedding_size=5, hidden_size=7),
    "gru": RecurrentConfig("gru", layers=2, embedding_size=6, hidden_size=6),
    "rnn": RecurrentConfig("rnn", layers=1, embedding_size=5, hidden_size=7, tied=False),
    "feedforward": RecurrentConfig("feedforward", layers=1, embedding_size=5, hidden_size=7, window=3),
}


def weights_of(config):
    numbers = np.random.default_rng(5)
    return {n: numbers.normal(size=s).astype(np.float32) for n, s in weight_shapes(config, VOCABULARY).items()}


def begin(config, rows=3):
    return tuple(np.zeros((rows, config.layers, size), np.float32) for size in config.state_sizes)


@pytest.mark.parametrize("kind", CONFIGS)
def test_numpy_backend_equals_that_of_torch(kind):
    config, weights = CONFIGS[kind], weights_of(CONFIGS[kind])
    ids = np.random.default_rng(1).integers(0, VOCABULARY, (3, 9))
    backends = [NumpyBackend(config, weights), FloatBackend(config, weights, VOCABULARY)]
    (outputs, after), (expected, expected_after) = (backend.forward(ids, begin(config)) for backend in backends)
    assert np.allclose(outputs, expected, atol=1e-5)
    assert all(np.allclose(mine, its, atol=1e-5) for mine, its in zip(after, expected_after, strict=True))
    logprobs = [backend.logprobs(expected[:, -1]) for backend in backends]
    assert np.allclose(*logprobs, atol=1e-5)


def test_numpy_backend_refuses_a_token_that_is_none():
    config = CONFIGS["gru"]
    with pytest.raises(InvalidInput, match="ids from 0 to 10"):
        NumpyBackend(config, weights_of(config)).forward(np.array([[VOCABULARY]]), begin(config, 1))


def test_float_backend_in_time_turns_to_torch_when_much_is_read(monkeypatch):
    config = CONFIGS["lstm"]
    backend, state = LazyFloatBackend(config, weights_of(config), VOCABULARY), begin(config, 1)
    monkeypatch.setattr(numpy_backend, "FEW_TOKENS", 5)
    for tokens, kind in ((3, NumpyBackend), (2, NumpyBackend), (1, FloatBackend)):
        _, state = backend.forward(np.ones((1, tokens), np.int64), state)
        assert isinstance(backend._backend, kind)
    assert backend.logprobs(state[0][:, -1]).shape == (1, VOCABULARY)


def test_float_backend_in_time_does_without_torch_where_it_is_not_installed(monkeypatch):
    config = CONFIGS["lstm"]
    monkeypatch.setattr(numpy_backend, "find_spec", lambda _: None)
    backend = LazyFloatBackend(config, weights_of(config), VOCABULARY)
    outputs, _ = backend.forward(np.ones((1, 600), np.int64), begin(config, 1))
    assert outputs.shape == (1, 600, 7)


def test_recurrent_model_reads_a_few_tokens_without_importing_torch():
    code = (
        "import sys; import numpy as np; from models.neural.config import RecurrentConfig\n"
        "from models.neural.model import RecurrentModel, weight_shapes\n"
        "config = RecurrentConfig('gru', layers=1, embedding_size=4, hidden_size=4)\n"
        "weights = {n: np.ones(s, np.float32) for n, s in weight_shapes(config, 5).items()}\n"
        "model = RecurrentModel(config, weights, 5); model.logprobs(model.begin_state(2))\n"
        "assert 'torch' not in sys.modules; model.warm_up(); assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
