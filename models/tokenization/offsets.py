"""Positions of tokens in the text that they come from, counted in characters.

The tokens of a text stand in it one after the other, with white space alone between them, so that their lengths tell
where each begins. Where the text was normalized to another, the pipeline keeps account.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, takewhile

import numpy as np
from tokenizers import Tokenizer

from models.special_tokens import EOS_TOKEN
from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import WHITESPACE, no_panic
from models.utils.arrays import Int64Array

PARAGRAPH_BREAK = re.compile(r"\n(?:[^\S\n\x1c-\x1f]*\n)+")
"""Pattern of the pipeline's PARAGRAPH_BREAK; Python's `\\s` holds U+001C to U+001F, which are no white space."""
_CHARACTER_OR_BREAK = re.compile(f"{PARAGRAPH_BREAK.pattern}|[\\s\\S]")
_TOKEN_START = re.compile(rf"[^{WHITESPACE}]|\n")
_PRETOKENIZED_START = re.compile(r"[^\t\r ]")


def pipeline_offsets(pipeline: Tokenizer, text: str) -> Int64Array:
    """Return begin and end of each token [T, 2] in a `text` that the normalizer of `pipeline` changes.

    The pipeline counts characters that became one with another as parts of no token: marks are given to the token
    before them, others to the one behind. Raises InvalidText where a pattern takes too long.
    """
    with no_panic():
        offsets = pipeline.encode(text, add_special_tokens=False).offsets
    spans: list[tuple[int, int]] = []
    last_end = 0
    for (begin, end), (next_begin, _) in pairwise([*offsets, (len(text), len(text))]):
        begin -= _count_while(_is_no_space, reversed(text[last_end:begin]))
        last_end = end + _count_while(_is_mark, text[end:next_begin])
        spans.append((begin, last_end))
    return _as_offsets(spans)


def character_offsets(config: TokenizerConfig, text: str) -> Int64Array:
    """Return where each character begins and ends [T, 2]; blank lines that end a paragraph are one token."""
    if config.texts != "paragraphs":
        begins = np.arange(len(text), dtype=np.int64)
        return np.stack([begins, begins + 1], axis=1)
    return _as_offsets([match.span() for match in _CHARACTER_OR_BREAK.finditer(text)])


def word_offsets(config: TokenizerConfig, text: str, surface_forms: Sequence[str]) -> Int64Array:
    """Return begin and end [T, 2] of each word of a normalized `text`, and of newlines, which are `</s>`."""
    token_start = _PRETOKENIZED_START if config.pretokenized and config.rules > 1 else _TOKEN_START
    spans, end = [], 0
    for form in surface_forms:
        start = token_start.search(text, end)
        assert start is not None, "text has fewer tokens than it was split into"
        begin = start.start()
        end = begin + (1 if text[begin] == "\n" else len(form))
        spans.append((begin, end))
    return _as_offsets(spans)


def byte_offsets(text: str, tokens: Sequence[str]) -> Int64Array:
    """Return begin and end [T, 2], in characters, of each token of bytes.

    A token has one symbol a byte. Where it holds a part of a character, its place is that of the whole.
    """
    data, spans, end = text.encode(), [], 0
    for token in tokens:
        begin, is_newline = end, token == EOS_TOKEN and data.startswith(b"\n", end)
        end = begin + (1 if is_newline else len(token))
        spans.append((begin, end))
    offsets = _as_offsets(spans)
    if text.isascii():
        return offsets
    sources = np.repeat(np.arange(len(text)), [len(character.encode()) for character in text])
    return np.stack([sources[offsets[:, 0]], sources[offsets[:, 1] - 1] + 1], axis=1)


def _as_offsets(spans: Sequence[tuple[int, int]]) -> Int64Array:
    return np.array(spans, np.int64).reshape(-1, 2)


def _count_while(condition: Callable[[str], bool], characters: Iterable[str]) -> int:
    return sum(1 for _ in takewhile(condition, characters))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_no_space(character: str) -> bool:
    return character not in WHITESPACE
