"""Offsets of tokens: slices of the text are its tokens, for every kind of tokenizer."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import InvalidText
from models.tokenization.config import BYTE_TO_UNICODE, Normalization, TokenizerConfig, TokenKind
from models.tokenization.definition.normalization import TextNormalizer
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
        # A sigma may be final beside other tokens than it is alone.
        token = TextNormalizer(config)(text[begin:end]).replace("\u03c2", "\u03c3")
        assert form.replace("\u03c2", "\u03c3") == ("</s>" if token == "\n" else token)
        # Between tokens is nothing but white space, which alone makes no token.
        assert tokenizer.surface_forms(text[ends[-1] : begin]) == []
        ends.append(end)
    assert tokenizer.surface_forms(text[ends[-1] :]) == []


@pytest.mark.parametrize("rules", [1, 3])
@pytest.mark.parametrize("lowercase", [False, True])
@settings(deadline=None)
@given(text=SPANS_TEXT)
def test_token_offsets_of_characters_count_each_one(lowercase: bool, rules: int, text: str) -> None:
    tokenizer = Tokenizer(TokenizerConfig("character", lowercase=lowercase, rules=rules), ["<unk>", "</s>", "a"])
    doubled = "\u0130" if lowercase and rules == 1 else ""
    expected = [(i, i + 1) for i, c in enumerate(text) for _ in range(2 if c == doubled else 1)]
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
FIRST_BPE = [train("the ant, don't the ant\n" * 5, kind="bpe", lowercase=low, rules=1) for low in (False, True)]


@pytest.mark.parametrize("tokenizer", BPE + FIRST_BPE, ids=["as-is", "lower", "first-as-is", "first-lower"])
@settings(deadline=None)
@given(text=SPANS_TEXT)
@example(text="\u03a3\u03a3")
def test_token_offsets_of_bpe_cover_the_text(tokenizer: Tokenizer, text: str) -> None:
    forms, offsets = tokenizer.surface_forms(text), spans(tokenizer, text)
    normalizer = TextNormalizer(tokenizer.config)
    normalized = normalizer(text)
    position = 0
    for form, (begin, end) in zip(forms, offsets, strict=True):
        # The next token begins where the last one ended, or shares a character with it.
        assert begin == position or (begin == position - 1 and end >= position)
        position = end
        # A sigma may be final beside other tokens than it is alone.
        token = normalized[begin:end] if len(normalized) == len(text) else normalizer(text[begin:end])
        if form in ("<unk>", "</s>"):
            assert token in (form, "\n")
        else:
            assert bytes(BYTE_TO_UNICODE.index(symbol) for symbol in form) in token.encode()
    assert position == len(text)


def test_token_offsets_of_bpe_share_a_split_character() -> None:
    # U+4E2D has three bytes and no merges, the newline is one token, and so was the special token typed in the text.
    assert spans(FIRST_BPE[0], "\u4e2d\n</s>the") == [(0, 1), (0, 1), (0, 1), (1, 2), (2, 6), (6, 9)]
    assert spans(BPE[0], "\u4e2d\n<the") == [(0, 1), (0, 1), (0, 1), (1, 2), (2, 3), (3, 6)]
    # The lower case of U+0130 was an i and a combining dot of two bytes; that of U+212A, the Kelvin sign, is a k.
    assert spans(FIRST_BPE[1], "\u0130\u212a") == [(0, 1), (0, 1), (0, 1), (1, 2)]
    assert spans(BPE[1], "\u0130\u212a") == [(0, 1), (1, 2)]


def test_token_offsets_count_characters_of_the_raw_text() -> None:
    tokenizer = Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "is"])
    assert spans(tokenizer, " \u0130s\r\nI\x1cS  \n") == [(1, 3), (4, 5), (5, 6), (6, 7), (7, 8), (10, 11)]
    assert spans(tokenizer, "") == []


@pytest.mark.parametrize(
    ("normalize", "text", "tokens"),
    [
        (("nfc",), "cafe\u0301 e\u0301", ["cafe\u0301", "e\u0301"]),
        (("nfkc",), "\ufb01x \uff21 \u2163", ["\ufb01x", "\uff21", "\u2163"]),
        (("accents",), "\u00e9t\u00e9 e\u0301a", ["\u00e9t\u00e9", "e\u0301a"]),
        (("digits",), "in 1914", ["in", "1914"]),
        (("punctuation",), "wait\u2026 don\u2019t\u2014no", ["wait", "\u2026", "do", "n\u2019t", "\u2014", "no"]),
        (("penn_quotes",), 'a "b c" \u201cd\u201d', ["a", '"', "b", "c", '"', "\u201c", "d", "\u201d"]),
        (
            ("ccnet",),
            "\u00c9t\u00e9\u2014\u201c3\u201d\u2026",
            ["\u00c9t\u00e9", "\u2014", "\u201c", "3", "\u201d", "\u2026"],
        ),
    ],
    ids=str,
)
def test_token_offsets_are_those_of_the_text_before_it_was_normalized(
    normalize: tuple[Normalization, ...], text: str, tokens: list[str]
) -> None:
    tokenizer = Tokenizer(TokenizerConfig(normalize=normalize), ["<unk>", "</s>", "a"])
    assert [text[begin:end] for begin, end in spans(tokenizer, text)] == tokens


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
@settings(deadline=None)
@given(
    text=SPANS_TEXT, normalize=st.sets(st.sampled_from(["nfc", "nfkc", "accents", "digits", "punctuation", "ccnet"]))
)
def test_token_offsets_of_normalized_text_rise(kind: TokenKind, normalize: set[Normalization], text: str) -> None:
    config = TokenizerConfig(kind, normalize=tuple(normalize), lowercase=True)
    tokenizer = (
        Tokenizer(config, BPE[0].vocabulary, BPE[0].merges) if kind == "bpe" else Tokenizer(config, ["<unk>", "</s>"])
    )
    begins = [begin for begin, _ in spans(tokenizer, text)]
    assert begins == sorted(begins)
    assert all(0 <= begin < end <= len(text) for begin, end in spans(tokenizer, text))


def test_token_offsets_of_piled_up_marks_are_refused_where_a_pattern_gives_up() -> None:
    """The library's failure is no Exception, and would end the thread that computes."""
    marked = "o" + "\u0300\u0327" * 200 + " \u2019"  # the quote has the text normalized, and so the pipeline asked
    tokenizer = Tokenizer(TokenizerConfig(normalize=("punctuation",)), ["<unk>", "</s>"])
    with pytest.raises(InvalidText, match="text that the tokenizer can split"):
        tokenizer.encode_with_offsets(marked)
