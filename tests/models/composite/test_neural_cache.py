"""The neural cache against equation 4 of Grave et al., token by token."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.composite.config import NeuralCacheConfig
from models.composite.neural_cache import NeuralCacheModel
from models.errors import InvalidInput
from models.special_tokens import EOS
from tests.helpers.language_models import ngram, recurrent

BASE = recurrent("lstm")


def naive(config: NeuralCacheConfig, tokens: list[int]) -> list[float]:
    """Log P of each token, one after the other."""
    logprobs, read, state = [], [], BASE.begin_state(1)
    for token in tokens:
        hidden, p = BASE.hidden(state)[0], math.exp(BASE.logprobs(state)[0, token])
        seen = [(math.exp(config.theta * float(hidden @ h)), x) for h, x in read[-config.window :]]
        if seen:
            share = sum(e for e, x in seen if x == token) / sum(e for e, _ in seen)
            p = (1 - config.weight) * p + config.weight * share
        logprobs.append(math.log(p))
        read += [] if token == EOS and not read else [(hidden, token)]
        state = BASE.advance(state, np.array([[token]]))
    return logprobs


@settings(max_examples=25)
@given(
    tokens=st.lists(st.integers(1, 5), min_size=1, max_size=20),
    window=st.integers(1, 9),
    theta=st.sampled_from([0.0, 0.3, 3.0]),
)
def test_neural_cache_model_is_equation_4(tokens, window, theta):
    config = NeuralCacheConfig(window, 0.4, theta)
    model = NeuralCacheModel(config, BASE)
    scores, _ = model.score(model.begin_state(1), np.array([tokens]))
    assert scores[0].tolist() == pytest.approx(naive(config, tokens), abs=1e-5)


def test_neural_cache_model_scores_a_long_text_as_in_parts():
    model = NeuralCacheModel(NeuralCacheConfig(7, 0.4, 1.0), BASE)
    tokens = np.random.default_rng(1).integers(1, 9, (2, 600))
    whole, _ = model.score(model.begin_state(2), tokens)
    parts, state = [], model.begin_state(2)
    for part in np.split(tokens, 12, 1):
        scores, state = model.score(state, part)
        parts.append(scores)
    np.testing.assert_allclose(whole, np.concatenate(parts, 1), atol=1e-5, rtol=0)


def test_neural_cache_model_refuses_a_base_without_hidden_vectors():
    with pytest.raises(InvalidInput, match="no hidden vectors"):
        NeuralCacheModel(NeuralCacheConfig(), ngram("mle"))


@pytest.mark.parametrize(("field", "value"), [("theta", -1.0), ("theta", math.inf), ("weight", 2.0), ("window", 0)])
def test_neural_cache_config_names_a_bad_field(field, value):
    with pytest.raises(InvalidInput) as error:
        NeuralCacheConfig(**{field: value})
    assert error.value.field == field
