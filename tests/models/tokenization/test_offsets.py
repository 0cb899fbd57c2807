"""Offsets of tokens: slices of the text are its tokens, for every kind of tokenizer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokenization.config import BYTE_TO_UNICODE, TokenizerConfig
from models.tokenization.pipeline import lower_case
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import CONFIGS, identity, texts, train

SPANS_TEXT = st.lists(texts | st.sampled_from(["\u0130", "\u0130nci\n", "\n", "</S>"]), max_size=4).map("".join)


def spans(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    tokens = tokenizer.encode_with_offsets(text)
    assert tokens[:3] == tokenizer.encode_with_surfaces(text)
    assert tokens.offsets.dtype == "int64"
    assert tokens.offsets.shape == (len(tokens.ids), 2)
    return [(begin, end) for begin, end in tokens.offsets.tolist()]


@pytest.mark.parametrize("config", CONFIGS, ids=identity)
@settings(deadline=None)
@given(text=SPANS_TEXT)
def test_token_offsets_of_words_cut_their_surface_forms_out_of_the_text(config: TokenizerConfig, text: str) -> None:
    tokenizer = Tokenizer(config, ["<unk>", "</s>", "ant"])
    ends = [0]
    for form, (begin, end) in zip(tokenizer.surface_forms(text), spans(tokenizer, text), strict=True):
        token = text[begin:end]
        assert form == ("</s>" if token == "\n" else lower_case(token) if config.lowercase else token)
        # Between tokens is nothing but white space, which alone makes no token.
        assert tokenizer.surface_forms(text[ends[-1] : begin]) == []
        ends.append(end)
    assert tokenizer.surface_forms(text[ends[-1] :]) == []


@pytest.mark.parametrize("lowercase", [False, True])
@settings(deadline=None)
@given(text=SPANS_TEXT)
def test_token_offsets_of_characters_count_each_one(lowercase: bool, text: str) -> None:
    tokenizer = Tokenizer(TokenizerConfig(kind="character", lowercase=lowercase), ["<unk>", "</s>", "a"])
    expected = [(i, i + 1) for i, c in enumerate(text) for _ in range(2 if lowercase and c == "\u0130" else 1)]
    assert spans(tokenizer, text) == expected


@settings(deadline=None)
@given(text=SPANS_TEXT)
def test_token_offsets_of_paragraphs_join_to_the_text(text: str) -> None:
    tokenizer = Tokenizer(TokenizerConfig("character", texts="paragraphs"), ["<unk>", "</s>", "a"])
    tokens = [text[begin:end] for begin, end in spans(tokenizer, text)]
    assert "".join(tokens) == text
    for form, token in zip(tokenizer.surface_forms(text), tokens, strict=True):
        assert form == ("</s>" if len(token) > 1 else token)


BPE = [train("the ant, don't the ant\n" * 5, kind="bpe", lowercase=low) for low in (False, True)]


@pytest.mark.parametrize("tokenizer", BPE, ids=["as-is", "lower"])
@settings(deadline=None)
@given(text=SPANS_TEXT)
def test_token_offsets_of_bpe_cover_the_text(tokenizer: Tokenizer, text: str) -> None:
    forms, offsets = tokenizer.surface_forms(text), spans(tokenizer, text)
    position = 0
    for form, (begin, end) in zip(forms, offsets, strict=True):
        # The next token begins where the last one ended, or shares a character with it.
        assert begin == position or (begin == position - 1 and end >= position)
        position = end
        token = lower_case(text[begin:end]) if tokenizer.config.lowercase else text[begin:end]
        if form in ("<unk>", "</s>"):
            assert token in (form, "\n")
        else:
            assert bytes(BYTE_TO_UNICODE.index(symbol) for symbol in form) in token.encode()
    assert position == len(text)


def test_token_offsets_of_bpe_share_a_split_character() -> None:
    # U+4E2D has three bytes and no merges, the newline is one token, and so is the special token typed in the text.
    assert spans(BPE[0], "\u4e2d\n</s>the") == [(0, 1), (0, 1), (0, 1), (1, 2), (2, 6), (6, 9)]
    # The lower case of U+0130 is an i and a combining dot of two bytes.
    assert spans(BPE[1], "\u0130\u212a") == [(0, 1), (0, 1), (0, 1), (1, 2)]


def test_token_offsets_count_characters_of_the_raw_text() -> None:
    tokenizer = Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "is"])
    assert spans(tokenizer, " \u0130s\r\nI\x1cS  \n") == [(1, 3), (4, 5), (5, 6), (6, 7), (7, 8), (10, 11)]
    assert spans(tokenizer, "") == []
