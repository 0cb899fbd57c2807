"""Word splitter: counting words, and finding white space eight bytes at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import WHITESPACE
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.words.char_classes import char_classes, padded_bytes
from models.tokenization.words.word_splitter import count_words, next_space

WHITE_SPACE = char_classes(1, pretokenized=True, control_tokens=False)


@given(st.text(st.sampled_from("ab\u00e9\u4e2d\U0001f600\x1c\u200b" + WHITESPACE)), st.booleans())
def test_count_words_counts_as_a_pretokenized_tokenizer_does(text: str, inside: bool) -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True, rules=1), ["a"])
    goes_on = inside and text[:1] not in (*WHITESPACE, "")
    expected = len(tokenizer.encode(text).ids) - goes_on
    assert count_words(padded_bytes(text.encode()), WHITE_SPACE, inside) == expected


@pytest.mark.parametrize("length", range(1, 20))
@pytest.mark.parametrize("space", [" ", "\n", "\x0b", "\x85", "\u3000", ""])
def test_next_space_is_found_at_any_of_the_bytes_read_at_once(length: int, space: str) -> None:
    for word in ("~\x7f\x1c" * length, "a" * (length - 1) + "\u00e9", "\u00e9" + "\x00" * length):
        data = padded_bytes(f"{word}{space}b".encode() if space else word.encode())
        assert next_space(data, 0, WHITE_SPACE) == len(word.encode())
