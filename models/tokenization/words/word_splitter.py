"""Splitting of UTF-8 text into word tokens by compiled loops.

They give what the patterns that define words give (`definition.word_patterns`), 68 times as fast, by the classes of
characters that `char_classes` asks of those. They check neither bounds nor UTF-8, and all classes must be known.

The factor: Penn Treebank, split at white space, against Hugging Face `tokenizers`, one thread
(`python -m benchmarks.speed.tokenizer`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled, count_trailing_zeros, inlined, load_int64
from models.kernels.wrapping import wrapping_subtract
from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.words.char_classes import (
    PREPENDED,
    SPACE,
    STRIDE,
    WORD,
    CharClasses,
    class_at,
    class_before,
    code_point_at,
)
from models.tokenization.words.letters import is_after_word, is_more, letters_end, symbol_end
from models.tokenization.words.names import may_be_name, name_end, tag_end
from models.utils.arrays import ByteArray, Int64Array

NEWLINE, _LESS_THAN, _APOSTROPHE = 0x0A, 0x3C, 0x27
_CURLY_APOSTROPHE, _CURLY_APOSTROPHE_BYTES, _CURLY_APOSTROPHE_LEAD = 0x2019, 3, 0xE2
_EIGHT_EXCLAMATION_MARKS, _EIGHT_HIGH_BITS = 0x2121212121212121, -0x7F7F7F7F7F7F7F80
# Short spellings as numbers, so that the loops compare them in one step.
_MAX_SPECIAL_BYTES = max(len(token) for token in SPECIAL_TOKENS)
_SPECIAL_TOKEN_KEYS = tuple(int.from_bytes(token.encode()) for token in SPECIAL_TOKENS)
_STANDALONE_CONTRACTIONS = tuple(
    int.from_bytes(letters) for letters in (b"s", b"t", b"d", b"m", b"ll", b"re", b"ve", b"em", b"tis", b"twas")
)


@compiled
def split_tokens(data: ByteArray, classes: CharClasses, spans: NDArray[np.int64]) -> Int:
    """Write begin and end of each token of `data` to `spans` [>= T, 2], equal for newlines; return T."""
    i: Int = np.int64(0)
    n: Int = np.int64(0)
    while i < data.size:
        kind, length = class_at(data, i, classes)
        end = i + length if kind & SPACE else token_end(data, i, classes)
        if not kind & SPACE or data[i] == NEWLINE:
            spans[n, 0], spans[n, 1] = i, i if kind & SPACE else end
            n += 1
        i = end
    return n


@compiled
def count_words(data: ByteArray, classes: CharClasses, inside: bool) -> Int:
    """Count the words (runs without white space) that begin in `data`, and the lines that end in it.

    `inside`: `data` may begin in the middle of a word, which then is not counted.
    """
    n: Int = np.int64(0)
    i: Int = np.int64(0)
    while i < data.size:
        kind, length = class_at(data, i, classes)
        n += (not kind & SPACE and not inside) or data[i] == NEWLINE
        i, inside = i + length, not kind & SPACE
    return n


@compiled
def count_words_by_text(data: ByteArray, ends: Int64Array, classes: CharClasses, counts: Int64Array) -> None:
    """Write the number of words of each text, which ends before `ends` [N] in `data`, to `counts` [N]."""
    i: Int = np.int64(0)
    for k in range(len(ends)):
        counts[k] = 0
        inside = False
        while i < ends[k]:
            kind, length = class_at(data, i, classes)
            counts[k] += not kind & SPACE and not inside
            i, inside = i + length, not kind & SPACE


@inlined
def token_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the token ends that begins at `i`, by the cases of `word_patterns`."""
    if not classes.splits_punctuation:
        return next_space(data, i, classes)
    end = letters_end(data, i, classes)
    if end > i:
        stop = name_end(data, i, end, classes) if classes.keeps_names and may_be_name(np.int64(data[end])) else i
        if stop > i:
            return stop
        return word_end(data, i, end, classes) if may_be_apostrophe(data, end) else end
    if classes.control_tokens:
        end = special_token_end(data, i)
    if end == i and classes.keeps_names:
        end = tag_end(data, i, classes)
    if end == i and may_be_apostrophe(data, i):
        end = contraction_end(data, i, classes)
    return end if end > i else symbol_end(data, i, classes)


@compiled
def next_space(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Find the next white space from `i` on, or the end of `data`. Reads ASCII eight bytes at a time."""
    while i < data.size:
        eight = load_int64(data.ctypes.data + i)
        # The lowest bit set belongs to the first byte that is below `!` or above 0x7F; none below it borrows from it.
        doubtful = ((wrapping_subtract(eight, _EIGHT_EXCLAMATION_MARKS) & ~eight) | eight) & _EIGHT_HIGH_BITS
        if doubtful == 0:
            i += STRIDE
            continue
        i += count_trailing_zeros(doubtful) >> 3
        kind, length = class_at(data, i, classes)
        if i >= data.size or kind & SPACE:
            break
        i += length
    return min(i, data.size)


@compiled
def special_token_end(data: ByteArray, i: Int) -> Int:
    """Return where the `<unk>` or `</s>` that begins at `i` ends, or `i` where none begins."""
    key: Int = 0
    if data[i] == _LESS_THAN:
        for k in range(i, min(i + _MAX_SPECIAL_BYTES, data.size)):
            key = key << 8 | np.int64(data[k])
            if key in _SPECIAL_TOKEN_KEYS:
                return k + 1
    return i


@compiled
def contraction_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the contraction that begins with an apostrophe at `i` ends, or `i` where none begins."""
    letters = i + apostrophe_length(data, i)
    if letters == i:
        return i
    end = letters_end(data, letters, classes)
    if end > letters and (is_standalone_contraction(data, letters, end) or is_after_word(data, i, classes)):
        return end
    return i


@compiled
def word_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return where the token of the word `data[i:end]` ends: before its "n't", or where its letters end."""
    t = end + apostrophe_length(data, end)
    if t == end or t >= data.size or data[t] | 0x20 != 0x74 or data[end - 1] | 0x20 != 0x6E:
        return end
    if is_more(data, t + 1, classes):
        return end
    if end - 1 == i:
        return t + 1
    before = class_before(data, end - 1, classes)
    return end - 1 if before & WORD and not before & PREPENDED else end


@inlined
def may_be_apostrophe(data: ByteArray, i: Int) -> bool:
    """Whether the character at `i` begins as an apostrophe does."""
    return bool(data[i] == _APOSTROPHE or data[i] == _CURLY_APOSTROPHE_LEAD)


@compiled
def apostrophe_length(data: ByteArray, i: Int) -> Int:
    """Return the length in bytes of the apostrophe at `i`, 0 where there is none."""
    if i < data.size and data[i] == _APOSTROPHE:
        return 1
    if (
        i + 2 < data.size
        and data[i] == _CURLY_APOSTROPHE_LEAD
        and code_point_at(data, i, np.int64(data[i]))[0] == _CURLY_APOSTROPHE
    ):
        return _CURLY_APOSTROPHE_BYTES
    return 0


@compiled
def is_standalone_contraction(data: ByteArray, i: Int, end: Int) -> bool:
    """Whether an apostrophe and the letters `data[i:end]` are a contraction without a word before."""
    if end - i > 4:
        return False
    key: Int = 0
    for k in range(i, end):
        if not (0x41 <= data[k] <= 0x5A or 0x61 <= data[k] <= 0x7A):
            return False
        key = key << 8 | np.int64(data[k]) | 0x20
    return key in _STANDALONE_CONTRACTIONS
