"""Paragraph reader: bytes to clean paragraphs, held against cleaning the whole text at once."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.line_reader import LineReader
from models.data.paragraph_reader import ParagraphReader, open_reader
from models.errors import InvalidInput
from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import WHITESPACE
from models.tokenization.tokenizer import Tokenizer

pieces = st.sampled_from(["a", "bc", " ", "\n", "\n", "\n\n", "\r\n", "\t", "\u2028", "\u4e2d", "\x1c"])
texts = st.lists(pieces, max_size=30).map("".join)
TOKENIZER = Tokenizer(TokenizerConfig("character", texts="paragraphs"), [*SPECIAL_TOKENS, *"abc \n"])


def read(data: bytes, cuts: list[int]) -> list[str]:
    reader = ParagraphReader()
    borders = [0, *sorted(cuts), len(data)]
    return [*(reader.feed(data[i:j]) for i, j in pairwise(borders)), reader.finish()]


def clean(text: str) -> str:
    """Clean the whole text at once, line by line, as `ParagraphReader` promises."""
    paragraphs: list[list[str]] = [[]]
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.strip(WHITESPACE):
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return "".join("\n".join(lines) + "\n\n" for lines in paragraphs if lines)


@settings(deadline=None, max_examples=500)
@given(text=texts, cuts=st.lists(st.integers(0, 60), max_size=10))
def test_paragraph_reader_gives_the_same_text_for_any_slices(text: str, cuts: list[int]) -> None:
    chunks = read(text.encode(), cuts)
    whole = "".join(chunks)
    assert whole == clean(text)
    ids = [i for chunk in chunks for i in TOKENIZER.encode(chunk).ids.tolist()]
    assert ids == TOKENIZER.encode(whole).ids.tolist()
    assert ids.count(1) == whole.count("\n\n") == len(re.findall("\n\n", whole))


def test_paragraph_reader_cannot_drop_the_ends_of_paragraphs() -> None:
    with pytest.raises(InvalidInput, match="blank lines end the texts"):
        ParagraphReader(empty_lines="drop")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (TokenizerConfig(), "a\n\n\nb\n"),
        (TokenizerConfig("character"), " a \n\n\nb"),
        (TokenizerConfig("character", texts="lines"), "a\n\n\nb\n"),
        (TokenizerConfig("character", texts="paragraphs"), " a \n\nb\n\n"),
    ],
)
def test_open_reader_cleans_as_the_tokenizer_takes_text(config: TokenizerConfig, text: str) -> None:
    reader = open_reader(config)
    assert isinstance(reader, LineReader)
    assert reader.feed(b" a \n\n\nb") + reader.finish() == text
