"""Which tokens a vocabulary has, in which order."""

from collections import Counter
from typing import Any

import pytest

from models.errors import InvalidInput, TrainingFailed
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
from tests.helpers.tokenizers import train


def test_ids_are_given_by_count_and_then_by_token() -> None:
    assert train().vocabulary == ["<unk>", "</s>", "the", ".", "cat", ",", "and", "dog", "sat"]


def test_the_vocabulary_has_a_largest_size_specials_included() -> None:
    assert train(max_size=4).vocabulary == ["<unk>", "</s>", "the", "."]
    assert train(max_size=100).vocabulary_size == 9


@pytest.mark.parametrize("text", ["", "\n \n", "<unk> </s>\n"])
def test_no_vocabulary_comes_of_no_words(text: str) -> None:
    with pytest.raises(TrainingFailed, match="no token"):
        train(text)


@pytest.mark.parametrize(
    ("kind", "vocabulary"),
    [("word", ["a", "b"]), ("word", ["<unk>", "</s>", "a", "a"]), ("character", ["<unk>", "</s>", "ab"])],
)
def test_a_bad_vocabulary_is_refused(kind: Any, vocabulary: list[str]) -> None:
    with pytest.raises(InvalidInput, match="vocabulary"):
        Tokenizer(TokenizerConfig(kind=kind), vocabulary)


def test_counts_are_those_of_the_surface_forms() -> None:
    text = "it's IT's it\u2019s \u4e2d it's \u4e2d\nis is it\n"
    tokenizer = train(text, lowercase=True)
    counts = Counter(tokenizer.surface_forms(text))
    del counts["</s>"]
    assert tokenizer.vocabulary[2:] == sorted(counts, key=lambda token: (-counts[token], token))
