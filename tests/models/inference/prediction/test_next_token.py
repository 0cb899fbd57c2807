"""Next-token prediction: inline and batched answers agree, and queries select what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.inference.prediction.next_token import EXPLAINED_TOKENS, next_tokens
from models.inference.prediction.predictions import NextTokenQuery, NextTokens
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import weight_shapes
from models.special_tokens import EOS
from models.utils.progress import run_to_completion
from tests.helpers.tokenizers import train
from tests.helpers.toy import Bigram

TOKENIZER = train("the cat sat\nthe dog ran\nthe cow ate\n")
MODEL = Bigram.random(TOKENIZER.vocabulary_size, seed=3)
CONTEXTS = ["the cat", "", "the zebra", "dog ran\nthe"]


def predict(contexts: list[str], query: NextTokenQuery, model: Bigram = MODEL) -> list[NextTokens]:
    return run_to_completion(next_tokens(model, TOKENIZER, contexts, query))


@pytest.mark.parametrize("query", [NextTokenQuery(3), NextTokenQuery(3, special=True), NextTokenQuery(3, bos=False)])
def test_next_tokens_inline_equal_those_of_a_batch(query: NextTokenQuery) -> None:
    inline = Bigram.random(TOKENIZER.vocabulary_size, seed=3)
    inline.runs_inline = True
    alone = [predict([context], query, inline)[0] for context in CONTEXTS]
    for inline_answer, row in zip(alone, predict(CONTEXTS, query), strict=True):
        assert (list(inline_answer.context.ids), inline_answer.ids) == (list(row.context.ids), row.ids)
        assert list(inline_answer.context.surface_forms) == list(row.context.surface_forms)
        assert inline_answer.probabilities == pytest.approx(row.probabilities)


def test_next_tokens_are_ranked_with_their_probabilities() -> None:
    (prediction,) = predict(["the cat"], NextTokenQuery(0, special=True))
    row = MODEL.matrix[TOKENIZER.encode("the cat").ids[-1]]
    assert prediction.ids == np.argsort(-row, kind="stable").tolist()
    assert prediction.logprobs == pytest.approx(np.sort(row)[::-1].tolist())
    assert prediction.mass == pytest.approx(1)


def test_next_tokens_leave_special_tokens_out() -> None:
    for top_k in (0, 4):
        (prediction,) = predict(["the"], NextTokenQuery(top_k))
        assert min(prediction.ids) > EOS
        assert len(prediction.ids) == (top_k or TOKENIZER.vocabulary_size - EOS - 1)


def test_next_tokens_keep_to_a_prefix() -> None:
    (prediction,) = predict(["the"], NextTokenQuery(0, prefix="c"))
    assert sorted(TOKENIZER.vocabulary[i] for i in prediction.ids) == ["cat", "cow"]
    assert prediction.logprobs == sorted(prediction.logprobs, reverse=True)


def test_next_tokens_explain_the_last_tokens_of_a_context_alike_alone_and_in_a_batch() -> None:
    network = RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=4)
    shapes = weight_shapes(network, TOKENIZER.vocabulary_size)
    random = np.random.default_rng(2)
    weights = {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    model = Int8Model(network, weights, TOKENIZER.vocabulary_size)
    contexts, query = ["the dog ran " * EXPLAINED_TOKENS, "the cat", ""], NextTokenQuery(1, explain=True)
    together = run_to_completion(next_tokens(model, TOKENIZER, contexts, query))
    for context, prediction in zip(contexts, together, strict=True):
        (alone,) = run_to_completion(next_tokens(model, TOKENIZER, [context], query))
        assert prediction.explanation == alone.explanation
        words = context.split()[-EXPLAINED_TOKENS:]
        assert [part["token"] for part in alone.explanation["tokens"]] == words


def test_next_tokens_report_the_entropy_where_a_probability_is_zero() -> None:
    certain = Bigram(np.eye(TOKENIZER.vocabulary_size + 1, TOKENIZER.vocabulary_size, 1))
    (prediction,) = predict(["the"], NextTokenQuery(1, entropy=True), certain)
    assert prediction.entropy == pytest.approx(0, abs=1e-6)
    assert math.isfinite(prediction.logprobs[0])


def test_next_tokens_of_unknown_words_mark_the_context() -> None:
    (prediction,) = predict(["the zebra"], NextTokenQuery(1))
    assert list(prediction.context.surface_forms) == ["the", "zebra"]
    assert list(prediction.context.oov) == [False, True]
