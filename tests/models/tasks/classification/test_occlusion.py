"""Occlusion: the effect of a word is what the label loses without it."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pytest

from models.errors import InvalidInput
from models.model import Floats, Tensors
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.occlusion import MAX_WORDS, explain_label, find_words
from models.tasks.text import TaskText
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

TEXT = "good film, not good\n"
WORDS = Tokenizer.train(TokenizerConfig(), [TEXT])
WEIGHTS = {"good": 2.0, "not": -3.0}


class Weights(TextClassifier):
    """log-odds of label 1: the sum of its words' weights."""

    kind = "weights"
    labels = ("bad", "good")
    vocabulary_size = WORDS.vocabulary_size

    def logprobs(self, texts: Sequence[TaskText]) -> Floats:
        odds = np.array([sum(WEIGHTS.get(form, 0.0) for form in text.forms) for text in texts])
        return -np.logaddexp(0, np.stack([odds, -odds], 1)).astype(np.float32)

    def config(self) -> dict[str, Any]:
        return {}

    def tensors(self) -> Tensors:
        return {}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        return cls()


def log_sigmoid(odds: float) -> float:
    return float(-np.logaddexp(0, -odds))


def test_explain_label_is_the_difference_that_each_word_makes() -> None:
    effects = run_to_completion(explain_label(Weights(), WORDS, TEXT, 1))
    assert [(word.text, word.begin, word.end) for word in effects] == [
        ("good", 0, 4),
        ("film", 5, 9),
        (",", 9, 10),
        ("not", 11, 14),
        ("good", 15, 19),
    ]
    # All words: 2 - 3 + 2 = 1. Without one "good": -1; without "not": 4.
    good, neutral, negation = log_sigmoid(1) - log_sigmoid(-1), 0.0, log_sigmoid(1) - log_sigmoid(4)
    expected = [good, neutral, neutral, negation, good]
    assert [word.effect for word in effects] == pytest.approx(expected, abs=1e-6)


def test_explain_label_of_the_other_label_has_other_signs() -> None:
    effects = run_to_completion(explain_label(Weights(), WORDS, "good not", 0))
    assert effects[0].effect < 0 < effects[1].effect


def test_explain_label_of_an_empty_text_is_empty() -> None:
    assert run_to_completion(explain_label(Weights(), WORDS, "", 1)) == []


def test_explain_label_refuses_long_texts() -> None:
    with pytest.raises(InvalidInput, match=f"text: .*at most {MAX_WORDS} words, not {MAX_WORDS + 1}"):
        run_to_completion(explain_label(Weights(), WORDS, "a " * (MAX_WORDS + 1), 1))


@pytest.mark.parametrize("kind", ["character", "bpe"])
@pytest.mark.parametrize("text", ["good  film,\tnot", " héé 日本 ", "", "a", "x" * 40])
def test_find_words_groups_the_parts_of_a_word(kind: str, text: str) -> None:
    config = TokenizerConfig(kind=kind, max_size=300) if kind == "bpe" else TokenizerConfig(kind=kind)
    tokenizer = Tokenizer.train(config, [TEXT * 20])
    offsets = tokenizer.encode_with_offsets(text).offsets
    words = find_words(tokenizer, text)
    assert [text[word.begin : word.end] for word in words] == text.split()
    for word in words:
        covered = offsets[word.tokens]
        assert covered[:, 1].max() == word.end
        assert text[covered[:, 0].min() : word.end].strip() == text[word.begin : word.end]
