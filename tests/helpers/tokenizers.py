"""Tokenizer configurations, trained tokenizers and random texts, for tests of tokenization."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

CONFIGS = [TokenizerConfig(lowercase=low, pretokenized=pre) for low in (False, True) for pre in (False, True)]
ASCII = [
    *"antTN'\"-_<>.1",
    "--",
    "...",
    "n't",
    "N'T",
    "'s",
    "'tis",
    "'Em",
    "''",
    "<unk>",
    "</s>",
    "<UNK>",
    "<<unk>",
    "word",
]
LONG = ["internationalisation", "nationalisation"]
WHITE_SPACE_OR_NOT = ["\t", "\r\n", *"\r\n\n  \x00\x1c\x85\xa0\u1680\u2000\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"]
LETTERS = [
    "Stra\u00dfe",
    "'\u017f",
    "\u2019re",
    *"\u2019\u0130\u03a3\u03c2\u00c9\u0301\u023a\u212a\u01c5\u1e9e\u20ac\u2014\u2026",
]
BEYOND = [*"\u4e2d\u0930\u0942\u05d0\U0001f600\U00010400\U0001d7d9\ue000\ufffd\uffff"]
FRAGMENTS = [*ASCII, *LONG, *WHITE_SPACE_OR_NOT, *LETTERS, *BEYOND]


texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=30).map("".join)


def identity(config: TokenizerConfig) -> str:
    return f"{'lower' if config.lowercase else 'as-is'}-{'blanks' if config.pretokenized else 'words'}"


TEXT = "the cat , the dog and the <unk> .\nthe cat sat .\n"  # the 4, cat 2, "." 2, five words once


def train(text: str = TEXT, **settings: Any) -> Tokenizer:
    return Tokenizer.train(TokenizerConfig(**settings), [text])
