"""Parting of a context and a prefix: what is read for certain, and what is being typed."""

from __future__ import annotations

import pytest

from models.tokenization.config import TokenizerConfig
from models.tokenization.continuations.typed_text import MAX_UNFINISHED_CHARS, split_typed
from models.tokenization.encoding import TokenModel
from models.tokenization.token_models import build_token_model
from models.tokenization.tokenizer import Tokenizer

WORDS = build_token_model(TokenizerConfig(), ["<unk>", "</s>", "the"], ())
CHARACTERS = build_token_model(TokenizerConfig(kind="character"), ["<unk>", "</s>", "t"], ())


def bpe() -> TokenModel:
    tokenizer = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=270), ["the quick queen\n" * 9])
    return build_token_model(tokenizer.config, tokenizer.vocabulary, tokenizer.merges)


PARTS = bpe()


@pytest.mark.parametrize(
    ("context", "prefix", "heal", "expected"),
    [
        ("the", "qu", None, ("the", "qu")),  # a token begins with the prefix
        ("the qu", "ee", True, ("the ", "quee")),
        ("the ", "", True, ("the ", "")),
        ("the", "n", True, ("", "then")),
        ("a\nthe", "n", True, ("a\n", "then")),
        ("the", " n", True, ("the", " n")),
        ("the\x1cqu", "ee", True, ("", "the\x1cquee")),  # U+001C is no white space of Unicode
    ],
)
def test_split_typed_of_words(context: str, prefix: str, heal: bool | None, expected: tuple[str, str]) -> None:
    assert split_typed(WORDS, context, prefix, heal) == (*expected, "")


@pytest.mark.parametrize(
    ("context", "prefix", "heal", "expected"),
    [
        ("the", "", None, ("the", "")),
        ("the ", "", None, ("the", " ")),
        ("the", " qu", None, ("the", " qu")),
        ("the ", "qu", None, ("the", " qu")),
        ("the qu", "ee", None, ("the", " quee")),
        ("the qu", "", True, ("the", " qu")),
        ("the qu", "ee", False, ("the qu", "ee")),
        ("the  ", "", None, ("the", "  ")),
        ("the\n", "", None, ("the\n", "")),
        ("the\n", "qu", None, ("the\n", "qu")),
        ("qu", "een the", None, ("", "queen the")),
    ],
)
def test_split_typed_of_sub_words(context: str, prefix: str, heal: bool | None, expected: tuple[str, str]) -> None:
    assert split_typed(PARTS, context, prefix, heal) == (*expected, "")


def test_split_typed_takes_nothing_of_characters_back() -> None:
    assert split_typed(CHARACTERS, "the ", "t", True) == ("the ", "t", "")


def test_split_typed_takes_back_no_more_than_a_long_word() -> None:
    context, typed, _ = split_typed(PARTS, "qu" * 1000, "e")
    assert context + typed == "qu" * 1000 + "e"
    assert MAX_UNFINISHED_CHARS < len(typed) < MAX_UNFINISHED_CHARS + 20
