"""Tokens that continue typed text: probabilities are those found by enumerating sequences."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest

from models.inference.prediction.next_token import next_tokens
from models.inference.prediction.predictions import NextTokenQuery, NextTokens
from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

WORDS = Tokenizer(
    TokenizerConfig(), ["<unk>", "</s>", "I", "do", "don", "n't", "'s", "'ll", "-", "well", "known", "Do"]
)
CHARACTERS = Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", "q", "u", "e", " "])
PARTS = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=266), ["the queen the quiet quilt\n" * 9])
CASES = [
    *((WORDS, "I", typed) for typed in ("d", "don", "don'", "I'l", "well-k", "well-", "x")),
    *((CHARACTERS, "e", typed) for typed in ("q", "qu", "que")),
    *((PARTS, "the", typed) for typed in (" ", " q", " qu", " que", " quie")),
]


def predict(tokenizer: Tokenizer, contexts: list[str], query: NextTokenQuery) -> list[NextTokens]:
    model = Bigram.random(tokenizer.vocabulary_size, seed=5)
    return run_to_completion(next_tokens(model, tokenizer, contexts, query))


def enumerate_sequences(tokenizer: Tokenizer, context: str, typed: str) -> dict[tuple[int, ...], float]:
    """Return log P of every sequence of tokens that is the encoding of a text and just reaches the end.

    Of characters, what was typed is read whole and one more character follows.
    """
    matrix = Bigram.random(tokenizer.vocabulary_size, seed=5).matrix
    is_character = tokenizer.config.kind == "character"
    spellings = {i: tokenizer.token_bytes(i) for i in range(EOS + 1, tokenizer.vocabulary_size)}
    pieces = [i for i, spelling in spellings.items() if spelling in typed.encode()]
    found = {}
    for size in range(len(typed) + 1):
        for head in product(pieces, repeat=min(size, 4)):
            text = b"".join(spellings[i] for i in head)
            if not typed.encode().startswith(text) or (text == typed.encode()) != is_character:
                continue
            for last, spelling in spellings.items():
                sequence = (*head, last)
                if (text + spelling).startswith(typed.encode()) and is_encoding(tokenizer, text + spelling, sequence):
                    before = [tokenizer.encode(context).ids[-1], *head]
                    found[sequence] = sum(matrix[a, b] for a, b in zip(before, sequence, strict=True))
    return found


def head_logprob(tokenizer: Tokenizer, context: str, typed: str) -> float:
    """Return log P of the tokens of `typed`."""
    ids = tokenizer.encode(context + typed).ids
    matrix = Bigram.random(tokenizer.vocabulary_size, seed=5).matrix
    return float(sum(matrix[a, b] for a, b in pairwise(ids[tokenizer.encode(context).ids.size - 1 :])))


def is_encoding(tokenizer: Tokenizer, text: bytes, ids: tuple[int, ...]) -> bool:
    try:
        return bool(tokenizer.encode(text.decode()).ids.tolist() == list(ids))
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize(("tokenizer", "context", "typed"), CASES)
def test_typed_prefix_has_the_probabilities_of_all_sequences(tokenizer: Tokenizer, context: str, typed: str) -> None:
    expected = enumerate_sequences(tokenizer, context, typed)
    (prediction,) = predict(tokenizer, [context], NextTokenQuery(0, typed))
    assert prediction.typed is not None
    pairs = zip(prediction.typed.heads, prediction.ids, strict=True)
    assert dict(zip(((*head, i) for head, i in pairs), prediction.logprobs, strict=True)) == pytest.approx(expected)
    if tokenizer.config.kind == "character":  # the text may also end there, or go on with an unknown character
        assert prediction.mass == pytest.approx(math.exp(head_logprob(tokenizer, context, typed)))
    else:
        assert prediction.mass == pytest.approx(sum(map(math.exp, expected.values())))
    assert prediction.typed.text == typed
    assert all(text.startswith(typed) for text in prediction.typed.texts)


def test_typed_prefix_tells_the_mass_of_what_is_not_shown() -> None:
    (whole,), (best,) = (predict(WORDS, ["I"], NextTokenQuery(k, "don'")) for k in (0, 1))
    assert (len(best.ids), best.mass) == (1, pytest.approx(sum(whole.probabilities)))


def test_typed_prefix_of_a_healed_context_reads_what_is_certain() -> None:
    (healed,) = predict(PARTS, ["the qu"], NextTokenQuery(0, heal=True))
    (typed,) = predict(PARTS, ["the"], NextTokenQuery(0, " qu"))
    assert healed.ids == typed.ids
    assert healed.probabilities == typed.probabilities
    assert list(healed.context.ids) == PARTS.encode("the").ids.tolist()
    (blank,) = predict(PARTS, ["the "], NextTokenQuery(0))
    assert blank.typed is not None
    assert {" qu", " qui"} <= set(blank.typed.texts)
    (unhealed,) = predict(PARTS, ["the "], NextTokenQuery(0, heal=False))
    assert unhealed.typed is None


def test_typed_prefix_of_a_batch_equals_each_alone() -> None:
    contexts = ["the", "the ", "the qu", "the quiet", ""] * 8
    for query in (NextTokenQuery(4, " q"), NextTokenQuery(4), NextTokenQuery(4, heal=True), NextTokenQuery(4, "e")):
        batch = predict(PARTS, contexts, query)
        for context, row in zip(contexts[:5], batch[5:], strict=False):
            (alone,) = predict(PARTS, [context], query)
            assert (row.ids, row.typed is None) == (alone.ids, alone.typed is None)
            assert row.probabilities == pytest.approx(alone.probabilities)
            assert row.mass == pytest.approx(alone.mass)


def test_typed_prefix_that_nothing_continues_has_no_probability() -> None:
    (prediction,) = predict(WORDS, ["I"], NextTokenQuery(5, "zz"))
    assert (prediction.ids, prediction.mass) == ([], 0.0)


def test_typed_prefix_ignores_case() -> None:
    (prediction,) = predict(WORDS, ["I"], NextTokenQuery(0, "DO", ignore_case=True))
    assert prediction.typed is not None
    assert {"do", "don", "Do"} <= set(prediction.typed.texts)
    assert np.isfinite(prediction.logprobs).all()


def test_typed_prefix_may_end_the_text_where_special_tokens_are_wanted() -> None:
    (prediction,) = predict(WORDS, ["I"], NextTokenQuery(0, "do ", special=True))
    assert EOS in prediction.ids
    (ordinary,) = predict(WORDS, ["I"], NextTokenQuery(0, "do "))
    assert min(ordinary.ids) > EOS
    assert ordinary.mass == prediction.mass
    assert prediction.mass == pytest.approx(math.exp(Bigram.random(12, seed=5).matrix[2, 3]), rel=1e-5)
