"""Word cache: each word is tokenized once, and the number of cached words is bounded."""

from collections.abc import Sequence

import pytest

from models.tokenization.word_cache import MAX_CACHED_CHARS, WordCache


def test_word_cache_is_bounded() -> None:
    tokenized: list[str] = []

    def tokenize(words: list[str]) -> list[int]:
        tokenized.extend(words)
        return [len(word) for word in words]

    cache = WordCache(tokenize, capacity=4)
    long = "x" * (MAX_CACHED_CHARS + 1)
    for text in ("a b c", "a c b", f"{long} {long}", "d e a", "a"):
        words = text.split(" ")
        assert cache.look_up(words) == [len(word) for word in words]
    assert tokenized == ["a", "b", "c", long, "d", "e", "a"]  # at the fifth word all were dropped


def test_word_cache_raises_what_tokenizing_raises() -> None:
    def tokenize(words: list[str]) -> Sequence[int]:
        raise ValueError(words)

    cache = WordCache(tokenize)
    for _ in range(2):
        with pytest.raises(ValueError, match="a"):
            cache.look_up(["a"])
