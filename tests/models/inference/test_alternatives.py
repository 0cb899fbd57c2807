"""Alternatives to tokens: those of the whole distribution in the place of each."""

from __future__ import annotations

import numpy as np
import pytest

from models.inference.alternatives import ROWS_AT_ONCE
from models.inference.scoring import score_texts
from models.inference.text_scores import TextScores
from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

TOKENIZER = Tokenizer.train(TokenizerConfig(), ["a a a b b c\n"])
MODEL = Bigram.random(TOKENIZER.vocabulary_size)
LONG = " ".join("abc"[i % 3] for i in range(2 * ROWS_AT_ONCE + 5))


def score(texts: list[str], k: int) -> TextScores:
    return run_to_completion(score_texts(MODEL, TOKENIZER, texts, top_logprobs=k))


@pytest.mark.parametrize("k", [1, 3, 100])
def test_alternatives_are_the_best_of_the_distribution_in_the_place_of_each_token(k: int) -> None:
    scores = score(["a b zebra", "", LONG], k)
    assert scores.alternatives is not None
    before = EOS
    for t, token in enumerate(scores.encodings.ids.tolist()):
        row = MODEL.matrix[before]
        order = np.argsort(-row, kind="stable")
        assert scores.alternatives.best[t].tolist() == order[:k].tolist()
        assert scores.alternatives.best_logprobs[t].tolist() == row[order[:k]].tolist()
        assert scores.alternatives.ranks[t] == 1 + (row > row[token]).sum()
        assert scores.logprobs[t] == row[token]
        before = token


def test_alternatives_agree_with_scores_to_the_last_bit() -> None:
    scores = score([LONG], MODEL.vocabulary_size)
    assert scores.alternatives is not None
    ids, alternatives = scores.encodings.ids, scores.alternatives
    assert (alternatives.best_logprobs[alternatives.best == ids[:, None]] == scores.logprobs).all()
    plain = run_to_completion(score_texts(MODEL, TOKENIZER, [LONG]))
    assert scores.logprobs == pytest.approx(plain.logprobs)


def test_alternatives_of_nothing_are_none() -> None:
    assert run_to_completion(score_texts(MODEL, TOKENIZER, [""], eos=False, top_logprobs=2)).logprobs.tolist() == []
    assert run_to_completion(score_texts(MODEL, TOKENIZER, ["a"])).alternatives is None
