"""Positions of tokens in the text that they come from, counted in characters.

The tokens of a text stand in it one after the other, with white space alone between them, so that their lengths tell
where each begins. Lower case changes a length only for U+0130, the capital I with a dot: it becomes two characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from models.special_tokens import EOS_TOKEN
from models.tokenization.config import TokenizerConfig
from models.tokenization.pipeline import lower_case
from models.utils.arrays import Int64Array

PARAGRAPH_BREAK = re.compile(r"\n(?:[^\S\n\x1c-\x1f]*\n)+")
"""Pattern of the pipeline's PARAGRAPH_BREAK; Python's `\\s` holds U+001C to U+001F, which are no white space."""
_TOKEN_START = re.compile(r"[\S\n\x1c-\x1f]")
"""Character that begins a word token; Python's `\\s` holds U+001C to U+001F, which are no white space."""
_CHARACTER_OR_BREAK = re.compile(f"{PARAGRAPH_BREAK.pattern}|[\\s\\S]")
_DOTTED_CAPITAL_I = "\u0130"


def token_offsets(config: TokenizerConfig, text: str, surface_forms: Sequence[str]) -> Int64Array:
    """Return where each token of `text` begins and ends [T, 2] int64, given their surface forms.

    `text[begin:end]` is the token, before its case was folded; a newline that is `</s>` has an offset as well. Tokens
    that are parts of one character, as bytes are, have the whole of it.
    """
    normalized = lower_case(text) if config.lowercase else text
    if config.kind == "bpe":
        spans = _byte_spans(normalized, surface_forms)
    elif config.kind == "character":
        spans = _character_spans(normalized, config)
    else:
        spans = _word_spans(normalized, surface_forms)
    offsets = np.array(spans, np.int64).reshape(-1, 2)
    sources = _source_characters(text, normalized, in_bytes=config.kind == "bpe")
    return offsets if sources is None else np.stack([sources[offsets[:, 0]], sources[offsets[:, 1] - 1] + 1], axis=1)


def _character_spans(text: str, config: TokenizerConfig) -> list[tuple[int, int]]:
    """Return where each character begins and ends; blank lines that end a paragraph are one token."""
    if config.texts != "paragraphs":
        return [(i, i + 1) for i in range(len(text))]
    return [match.span() for match in _CHARACTER_OR_BREAK.finditer(text)]


def _word_spans(text: str, surface_forms: Sequence[str]) -> list[tuple[int, int]]:
    spans, end = [], 0
    for form in surface_forms:
        start = _TOKEN_START.search(text, end)
        assert start is not None, "text has fewer tokens than it was split into"
        begin = start.start()
        end = begin + (1 if text[begin] == "\n" else len(form))
        spans.append((begin, end))
    return spans


def _byte_spans(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return where each token begins and ends in the UTF-8 bytes of `text`; it has a character a byte."""
    data, spans, end = text.encode(), [], 0
    for token in tokens:
        begin, is_newline = end, token == EOS_TOKEN and data.startswith(b"\n", end)
        end = begin + (1 if is_newline else len(token))
        spans.append((begin, end))
    return spans


def _source_characters(text: str, normalized: str, *, in_bytes: bool) -> Int64Array | None:
    """Return the character of `text` that each character, or UTF-8 byte, of `normalized` comes from.

    None where each comes from the one at its own position.
    """
    sources = np.arange(len(text))
    if len(normalized) != len(text):
        sources = np.repeat(sources, [2 if character == _DOTTED_CAPITAL_I else 1 for character in text])
    if in_bytes and not normalized.isascii():
        sources = np.repeat(sources, [len(character.encode()) for character in normalized])
    return None if len(sources) == len(text) else sources
