"""Dynamic evaluation: one step by hand, a text that repeats itself, and a model that stays as it was."""

import math

import numpy as np
import pytest

from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, DynamicConfig, NeuralCacheConfig
from models.composite.dynamic_evaluation import DynamicModel, make_dynamic
from models.composite.neural_cache import NeuralCacheModel
from models.errors import InvalidInput
from models.evaluation.evaluator import evaluate
from models.utils.progress import run_to_completion
from tests.helpers.language_models import TOKENIZER, mixture, ngram, recurrent

TEXT = ["a b c d e f g h\n"] * 60


def perplexity(model, unit="document"):
    evaluation = run_to_completion(evaluate(model, TOKENIZER, TEXT, unit))
    return evaluation.perplexity, evaluation.adaptive


@pytest.mark.parametrize("config", [DynamicConfig("sgd", 0.3, 0.001, 5), DynamicConfig("rms", 0.01, 0.001, 5)])
@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_make_dynamic_learns_a_repeated_text_and_leaves_the_model_as_it_was(kind, config):
    model = recurrent(kind)
    before = {name: tensor.copy() for name, tensor in model.tensors().items()}
    expected, adaptive = perplexity(model)
    assert not adaptive
    dynamic_perplexity, adaptive = perplexity(make_dynamic(model, config, "document"))
    assert adaptive
    assert dynamic_perplexity < 0.8 * expected
    assert all(np.array_equal(tensor, before[name]) for name, tensor in model.tensors().items())
    assert perplexity(model)[0] == expected


def test_dynamic_model_scores_the_first_segment_by_the_trained_weights():
    model, tokens = recurrent("lstm"), np.array([[2, 3, 4, 5, 6]])
    scores, _ = DynamicModel(DynamicConfig(), model).score(model.begin_state(1), tokens)
    np.testing.assert_allclose(scores, model.score(model.begin_state(1), tokens)[0], atol=1e-5, rtol=1.3e-6)


def test_dynamic_model_steps_against_the_gradient_and_back_to_the_trained_weights():
    # The output bias has the gradient P - 1 at the token, P elsewhere; it moves by -0.5 of it, then a tenth back.
    model = recurrent("gru")
    dynamic = DynamicModel(DynamicConfig("sgd", 0.5, 0.1, 1), model)
    p = np.exp(model.logprobs(model.begin_state(1))[0])
    dynamic.score(dynamic.begin_state(1), np.array([[3]]))
    gradient = p - np.eye(len(p))[3]
    expected = model.tensors()["output_bias"] - 0.9 * 0.5 * gradient
    np.testing.assert_allclose(dynamic._weights["output_bias"], expected, atol=1e-6, rtol=0)


def test_make_dynamic_trains_the_recurrent_members_of_a_composite():
    config = DynamicConfig("sgd", 0.3, 0.0, 5)
    network, counts = recurrent("lstm"), ngram("kneser_ney")
    for model in (mixture((0.5, 0.5), network, counts), CacheModel(CacheConfig(weight=0.05), network)):
        dynamic_perplexity, adaptive = perplexity(make_dynamic(model, config, "document"))
        assert adaptive
        assert dynamic_perplexity < perplexity(model)[0]
        assert network in model.members


@pytest.mark.parametrize(
    ("model", "unit", "field"),
    [
        (recurrent("lstm"), "lines", "unit"),
        (ngram("mle"), "document", "dynamic"),
        (NeuralCacheModel(NeuralCacheConfig(), recurrent("lstm")), "document", "dynamic"),
    ],
)
def test_make_dynamic_refuses_a_model_that_cannot_learn(model, unit, field):
    with pytest.raises(InvalidInput) as error:
        make_dynamic(model, DynamicConfig(), unit)
    assert error.value.field == field


def test_dynamic_model_refuses_texts_side_by_side():
    model = DynamicModel(DynamicConfig(), recurrent("lstm"))
    for tokens, lengths in ((np.array([[2], [3]]), None), (np.array([[2]]), np.array([1]))):
        with pytest.raises(InvalidInput, match="document"):
            model.score(model.begin_state(len(tokens)), tokens, lengths)


@pytest.mark.parametrize(
    ("field", "value"),
    [("rule", "adam"), ("learning_rate", 0.0), ("learning_rate", math.inf), ("decay", 1.5), ("segment", 0)],
)
def test_dynamic_config_names_a_bad_field(field, value):
    with pytest.raises(InvalidInput) as error:
        DynamicConfig(**{field: value})
    assert error.value.field == field
