"""Which lines the compiled loops leave to the pipeline: else all would be slow, and no other test would tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.line_reader import WHITESPACE
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.word_splitter import (
    char_classes,
    count_words,
    next_space,
    next_unsupported_lines,
    padded_bytes,
)

KNOWN = (
    "plain\n\nd\u00e9j\u00e0 vu \u2014 \u201ciPhone\u2019s\u201d \u20ac5 \u2192\n"
    "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1 \u041c\u0438\u0440 Vi\u1ec7t\n\u3000\u1680\n"
)
CHINESE, HINDI = "a \u4e2d\u6587\n", "\u0939\u093f\n"


def foreign(text: str, lowercase: bool = False, pretokenized: bool = False) -> list[str]:
    """The runs of foreign lines in `text`."""
    data, at, found = padded_bytes(text.encode()), 0, []
    while at < data.size:
        begin, at = next_unsupported_lines(data, at, char_classes(lowercase, pretokenized))
        found += [data[begin:at].tobytes().decode()] if at > begin else []
    return found


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("pretokenized", [False, True])
def test_european_lines_are_not_foreign(lowercase: bool, pretokenized: bool) -> None:
    assert foreign(KNOWN, lowercase, pretokenized) == []


def test_runs_of_other_lines_are() -> None:
    assert foreign(KNOWN + CHINESE + HINDI + KNOWN + HINDI) == [CHINESE + HINDI, HINDI]
    assert foreign(CHINESE + KNOWN + HINDI[:-1]) == [CHINESE, HINDI[:-1]]
    assert foreign(CHINESE, lowercase=True, pretokenized=True) == [CHINESE]


def test_nothing_is_foreign_where_blanks_alone_separate() -> None:
    assert foreign(KNOWN + CHINESE + HINDI, pretokenized=True) == []


@given(st.text(st.sampled_from("ab\u00e9\u4e2d\U0001f600\x1c\u200b" + WHITESPACE)), st.booleans())
def test_words_between_blanks_are_counted_as_a_tokenizer_makes_them(text: str, inside: bool) -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), ["a"])
    goes_on = inside and text[:1] not in (*WHITESPACE, "")
    expected = len(tokenizer.encode(text).ids) - goes_on
    assert count_words(padded_bytes(text.encode()), char_classes(False, True), inside) == expected


@pytest.mark.parametrize("length", range(1, 20))
@pytest.mark.parametrize("blank", [" ", "\n", "\x0b", "\x85", "\u3000", ""])
def test_a_word_ends_at_whichever_of_the_bytes_read_at_once(length: int, blank: str) -> None:
    for word in ("~\x7f\x1c" * length, "a" * (length - 1) + "\u00e9", "\u00e9" + "\x00" * length):
        data = padded_bytes(f"{word}{blank}b".encode() if blank else word.encode())
        assert next_space(data, 0, char_classes(False, True)) == len(word.encode())
