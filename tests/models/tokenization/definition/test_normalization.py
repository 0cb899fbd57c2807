"""Normalization: what each change makes of text, and the quick ways against what `tokenizers` defines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from models.tokenization.config import Normalization, TokenizerConfig
from models.tokenization.definition.normalization import TextNormalizer
from tests.helpers.tokenizers import texts

CHANGES: list[Normalization] = ["nfc", "nfkc", "accents", "digits", "penn_quotes", "punctuation", "ccnet"]


@pytest.mark.parametrize(
    ("change", "text", "normalized"),
    [
        ("nfc", "e\u0301 \ufb01", "\u00e9 \ufb01"),
        ("nfkc", "e\u0301 \ufb01 \uff21\u00b2", "\u00e9 fi A2"),
        ("accents", "d\u00e9j\u00e0 \u0390 \u0439", "deja \u03b9 \u0438"),
        ("accents", "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),  # marks are vowels
        ("digits", "in 1914, \u0663.14", "in 0000, 0.00"),
        ("punctuation", "\u201cdon\u2019t\u201d \u2018x\u2019 \u00aby\u00bb", "\"don't\" 'x' \"y\""),
        ("punctuation", "a\u2014b \u2013 1914\u20131918 co\u2010op\u2026", "a--b -- 1914-1918 co-op..."),
        ("penn_quotes", 'He said "no (" yes") to \u201cthem\u201d.', "He said  `` no ( ``  yes '' ) to  `` them '' ."),
        # The example of every change of CCNet: case, accents, digits, punctuation, control characters.
        ("ccnet", "\u00c9TE\u0301 \u2014 3\u0661 \u300c\u4e2d\u3002\u300d\x07\u2026", "ete  -  00 \"\u4e2d.\"..."),
    ],
)  # fmt: skip
def test_text_normalizer_makes_each_change(change: Normalization, text: str, normalized: str) -> None:
    assert TextNormalizer(TokenizerConfig(normalize=(change,)))(text) == normalized


@settings(deadline=None, max_examples=300)
@given(
    text=texts | st.text(st.characters(codec="ascii")),
    changes=st.sets(st.sampled_from(CHANGES)),
    lowercase=st.booleans(),
    control_tokens=st.booleans(),
    rules=st.sampled_from([1, 3]),
)
def test_text_normalizer_gives_what_its_steps_give(
    text: str, changes: set[Normalization], lowercase: bool, control_tokens: bool, rules: int
) -> None:
    config = TokenizerConfig(
        normalize=tuple(changes), lowercase=lowercase, control_tokens=control_tokens, rules=rules
    )  # fmt: skip
    normalizer = TextNormalizer(config)
    assert normalizer(text) == normalizers.Sequence(normalizer.steps).normalize_str(text)
    # Pieces between blanks can be normalized one by one, as they are from a cache.
    if "penn_quotes" not in changes and "ccnet" not in changes:
        assert " ".join(map(normalizer, text.split(" "))) == normalizer(text)


@pytest.mark.parametrize("rules", [1, 3])
def test_text_normalizer_lower_cases_every_character_as_its_steps_do(rules: int) -> None:
    normalizer = TextNormalizer(TokenizerConfig(lowercase=True, rules=rules))
    text = "\n".join(chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000)
    assert normalizer(text) == normalizers.Sequence(normalizer.steps).normalize_str(text)
    for block in range(0, 0x20000, 0x400):  # text of few characters takes the quicker way more often
        part = "".join(chr(code) for code in range(block, block + 0x400) if not 0xD800 <= code < 0xE000)
        assert normalizer(part) == normalizers.Sequence(normalizer.steps).normalize_str(part)


def test_text_normalizer_lower_cases_greek_and_turkish_as_writers_do() -> None:
    lower = TextNormalizer(TokenizerConfig(lowercase=True))
    assert (
        lower("\u039f\u0394\u039f\u03a3, \u03a3\u0391\u03a3 \u03a3")
        == "\u03bf\u03b4\u03bf\u03c2, \u03c3\u03b1\u03c2 \u03c3"
    )
    assert lower("\u0130stanbul") == "istanbul"


def test_text_normalizer_folds_forms_without_the_blanks_that_it_adds() -> None:
    normalizer = TextNormalizer(TokenizerConfig(normalize=("penn_quotes",)))
    assert [normalizer.fold(form) for form in ('"', "\u201d", "a", " a")] == ["``", "''", "a", " a"]
