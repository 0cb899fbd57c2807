"""Tokens sampled in the compiled call that computes log-probabilities, against two separate calls."""

import numpy as np
import pytest
import torch

from models.kernels.sampling import SamplingMetadata
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.network import Network
from models.threads import set_thread_count, thread_count
from tests.helpers.language_models import arrays

CONFIGS = [
    RecurrentConfig("gru", layers=1, embedding_size=8, hidden_size=40),
    RecurrentConfig("lstm", layers=2, embedding_size=700, hidden_size=500),
]


@pytest.fixture(params=[1, 3])
def threads(request):
    before = thread_count()
    set_thread_count(request.param)
    yield
    set_thread_count(before)


@pytest.mark.parametrize("vocabulary", [2, 33, 1000])
@pytest.mark.parametrize("config", CONFIGS)
def test_decode_step_samples_as_separate_calls_do(config, vocabulary, threads):
    torch.manual_seed(3)
    network, numbers = Network(config, vocabulary), np.random.default_rng(2)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.normal_(std=0.3)
    model = Int8Model(config, arrays(network), vocabulary)
    state = model.advance(model.begin_state(9), numbers.integers(vocabulary, size=(9, 4)))
    temperatures, uniforms = numbers.choice([0, 0.5, 1], 9).astype(np.float32), numbers.random(9)
    sampling = SamplingMetadata(temperatures, uniforms, numbers.random((9, 2)) < 0.3, {})
    tokens, logprobs, after = model.step(state, sampling)
    rows = model.logprobs(state)
    expected = sampling.sample(rows.copy())
    assert np.array_equal(tokens, expected[0])
    assert np.array_equal(logprobs[tokens >= 0], rows[np.arange(9), tokens][tokens >= 0])
    assert len(set(tokens.tolist())) > 1 or vocabulary == 2
    read = model.advance(state, tokens.clip(0)[:, None])
    assert all(np.array_equal(left, right) for left, right in zip(after, read, strict=True))
