"""The cache against its definition: numbers by hand, and a naive count over the last tokens of any text."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.composite.cache import CacheModel
from models.composite.config import CacheConfig
from models.errors import InvalidInput
from models.evaluation.evaluator import evaluate
from models.special_tokens import EOS
from models.utils.progress import run_to_completion
from tests.helpers.language_models import TOKENIZER, V, ngram
from tests.helpers.toy import Bigram

BASE = Bigram.random(V)


def uniform() -> Bigram:
    return Bigram(np.full((V + 1, V), 1 / V))


def scores(model: CacheModel, *tokens: int) -> np.ndarray:
    return np.exp(model.score(model.begin_state(1), np.array([tokens]))[0][0])


def test_cache_model_by_hand():
    # V = 12. Before the first token nothing is remembered: 1/12. Then "2" is all there is: 0.8/12 + 0.2. After "2 3"
    # it is half of it, 0.8/12 + 0.1; the window of two then holds "3 2", in which "4" is not: 0.8/12.
    probabilities = scores(CacheModel(CacheConfig(2, 0.2), uniform()), 2, 2, 3, 2, 4)
    assert probabilities == pytest.approx([1 / 12, 0.8 / 12 + 0.2, 0.8 / 12, 0.8 / 12 + 0.1, 0.8 / 12])


def test_cache_model_with_bigrams_by_hand():
    # After "2 3 2" a "3" has followed the only "2" that something followed: 0.7/12 + 0.1/3 + 0.2. After "2 3 2 3"
    # nothing but "2" has followed a "3". After a "4" that never came before, the bigram's share is the base's again.
    probabilities = scores(CacheModel(CacheConfig(9, 0.1, 0.2), uniform()), 2, 3, 2, 3, 4, 5)
    expected = [1 / 12, 0.9 / 12, 0.9 / 12 + 0.1 / 2, 0.7 / 12 + 0.1 / 3 + 0.2, 0.7 / 12, 0.9 / 12]
    assert probabilities == pytest.approx(expected)


def naive(config: CacheConfig, base: np.ndarray, tokens: list[int]) -> list[float]:
    """The probability of each token, by counting in the list of those before it."""
    probabilities, read = [], []
    for p, token in zip(base, tokens, strict=True):
        last = read[-config.window :]
        after = [b for a, b in itertools.pairwise(last) if a == last[-1]]
        for weight, seen in ((config.weight, last), (config.bigram_weight, after)):
            p += weight * (seen.count(token) / len(seen) - base[len(probabilities)]) if seen else 0
        probabilities.append(p)
        read += [] if token == EOS and not read else [token]
    return probabilities


@settings(max_examples=50)
@given(
    tokens=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    window=st.integers(1, 8),
    weights=st.sampled_from([(0.1, 0.0), (0.0, 0.3), (0.5, 0.5), (1.0, 0.0)]),
)
def test_cache_model_counts_over_the_last_tokens(tokens, window, weights):
    config = CacheConfig(window, *weights)
    base = np.exp(BASE.score(BASE.begin_state(1), np.array([tokens]))[0][0], dtype=np.float64)
    assert scores(CacheModel(config, BASE), *tokens) == pytest.approx(naive(config, base, tokens), abs=1e-6)


def test_cache_model_is_empty_at_each_line_and_carried_through_a_document():
    model, text = CacheModel(CacheConfig(50, 0.3), uniform()), ["c d\nc d\n"]
    lines = run_to_completion(evaluate(model, TOKENIZER, text, "lines"))
    document = run_to_completion(evaluate(model, TOKENIZER, text, "document"))
    # c: 1/12; d and </s>: 0.7/12, since only others are remembered.
    assert lines.logprob == pytest.approx(2 * np.log([1 / 12, 0.7 / 12, 0.7 / 12]).sum())
    second = np.log([0.7 / 12 + 0.3 / 3, 0.7 / 12 + 0.3 / 4, 0.7 / 12 + 0.3 / 5])
    assert document.logprob == pytest.approx(lines.logprob / 2 + second.sum())
    assert lines.adaptive
    assert document.adaptive
    assert not run_to_completion(evaluate(uniform(), TOKENIZER, text, "document")).adaptive


def test_cache_model_runs_inline_as_its_base_and_bounds_its_chunks():
    assert CacheModel(CacheConfig(500), ngram("mle")).runs_inline
    assert CacheModel(CacheConfig(100_000), ngram("mle")).chunk_tokens < 1000
    assert (
        CacheModel(CacheConfig(), ngram("mle")).explain(CacheModel(CacheConfig(), ngram("mle")).begin_state(1))[
            "remembered"
        ]
        == 0
    )


def test_cache_model_has_one_base():
    with pytest.raises(InvalidInput, match="members"):
        CacheModel.from_members({}, [BASE, BASE])
