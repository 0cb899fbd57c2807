"""Word splitter: only lines of unsupported characters are left to the pipeline, which is much slower."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import WHITESPACE
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.words.word_splitter import count_words, next_space, next_unsupported_lines, padded_bytes
from models.tokenization.words.word_tokenizer import char_classes

SUPPORTED = (
    "plain\n\nd\u00e9j\u00e0 vu \u2014 \u201ciPhone\u2019s\u201d \u20ac5 \u2192\n"
    "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1 \u041c\u0438\u0440 Vi\u1ec7t\n\u3000\u1680\n"
)
CHINESE, HINDI = "a \u4e2d\u6587\n", "\u0939\u093f\n"


def unsupported(text: str, lowercase: bool = False, pretokenized: bool = False) -> list[str]:
    """Return the runs of unsupported lines in `text`."""
    data, position, runs = padded_bytes(text.encode()), 0, []
    while position < data.size:
        begin, position = next_unsupported_lines(data, position, char_classes(lowercase, pretokenized))
        runs += [data[begin:position].tobytes().decode()] if position > begin else []
    return runs


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("pretokenized", [False, True])
def test_unsupported_lines_are_not_european(lowercase: bool, pretokenized: bool) -> None:
    assert unsupported(SUPPORTED, lowercase, pretokenized) == []


def test_unsupported_lines_come_in_runs() -> None:
    assert unsupported(SUPPORTED + CHINESE + HINDI + SUPPORTED + HINDI) == [CHINESE + HINDI, HINDI]
    assert unsupported(CHINESE + SUPPORTED + HINDI[:-1]) == [CHINESE, HINDI[:-1]]
    assert unsupported(CHINESE, lowercase=True, pretokenized=True) == [CHINESE]


def test_unsupported_lines_are_none_where_white_space_alone_separates() -> None:
    assert unsupported(SUPPORTED + CHINESE + HINDI, pretokenized=True) == []


@given(st.text(st.sampled_from("ab\u00e9\u4e2d\U0001f600\x1c\u200b" + WHITESPACE)), st.booleans())
def test_count_words_counts_as_a_pretokenized_tokenizer_does(text: str, inside: bool) -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), ["a"])
    goes_on = inside and text[:1] not in (*WHITESPACE, "")
    expected = len(tokenizer.encode(text).ids) - goes_on
    assert count_words(padded_bytes(text.encode()), char_classes(False, True), inside) == expected


@pytest.mark.parametrize("length", range(1, 20))
@pytest.mark.parametrize("space", [" ", "\n", "\x0b", "\x85", "\u3000", ""])
def test_next_space_is_found_at_any_of_the_bytes_read_at_once(length: int, space: str) -> None:
    for word in ("~\x7f\x1c" * length, "a" * (length - 1) + "\u00e9", "\u00e9" + "\x00" * length):
        data = padded_bytes(f"{word}{space}b".encode() if space else word.encode())
        assert next_space(data, 0, char_classes(False, True)) == len(word.encode())
