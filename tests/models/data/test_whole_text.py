"""A whole text cleaned at once is what a reader makes of it in slices."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.paragraph_reader import open_reader
from models.data.whole_text import MAX_QUICK_CHARACTERS, clean_all, clean_whole
from models.errors import InvalidText
from models.tokenization.config import TokenizerConfig

CONFIGS = {
    "word": TokenizerConfig(),
    "pretokenized": TokenizerConfig(pretokenized=True),
    "character": TokenizerConfig(kind="character"),
    "paragraphs": TokenizerConfig(kind="character", texts="paragraphs"),
}


def read(text: str, config: TokenizerConfig, empty_lines: Literal["keep", "drop"]) -> str:
    reader = open_reader(config, empty_lines)
    return reader.feed(text.encode()) + reader.finish()


@given(
    text=st.text("ab é\n\r\t\x85\u3000\ufeff\0\x1c", max_size=40),
    name=st.sampled_from(["word", "pretokenized", "character"]),
    empty_lines=st.sampled_from(["keep", "drop"]),
)
def test_clean_whole_is_what_a_reader_gives(text: str, name: str, empty_lines: Literal["keep", "drop"]) -> None:
    try:
        expected = read(text, CONFIGS[name], empty_lines)
    except InvalidText as error:
        expected = str(error)
    try:
        cleaned = clean_whole(text, CONFIGS[name], empty_lines)
    except InvalidText as error:
        cleaned = str(error)
    assert cleaned == expected


def test_clean_whole_keeps_paragraphs() -> None:
    assert (
        clean_whole("\nFirst.\n\n\nSecond,\nstill it.\n", CONFIGS["paragraphs"]) == "First.\n\nSecond,\nstill it.\n\n"
    )


def test_clean_whole_leaves_long_texts_to_the_reader() -> None:
    text = " word" * (MAX_QUICK_CHARACTERS // 4)
    assert clean_whole(text, CONFIGS["word"]) == read(text, CONFIGS["word"], "keep")


def test_clean_whole_refuses_half_a_character() -> None:
    with pytest.raises(InvalidText, match="half a surrogate pair"):
        clean_whole("a \ud800", CONFIGS["word"])


@given(
    texts=st.lists(st.text("ab é\n\r\t\ufeff\0\ud800", max_size=12) | st.just(" a b\n\n c "), max_size=5),
    name=st.sampled_from(sorted(CONFIGS)),
)
def test_clean_all_cleans_each_text(texts: list[str], name: str) -> None:
    def alone(text: str) -> str:
        try:
            return clean_whole(text, CONFIGS[name])
        except InvalidText as error:
            return str(error)

    assert list(map(str, clean_all(texts, CONFIGS[name], "keep"))) == list(map(alone, texts))
