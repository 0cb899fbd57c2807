"""Splitting of UTF-8 text into word tokens by compiled loops.

They give what the pipeline that defines tokens gives, 68 times as fast. They split by classes of characters, which
`word_tokenizer.char_classes` asks of that pipeline, so that there is only one definition of a word. A line with
characters of no known class (UNSUPPORTED) is left to the pipeline: `next_unsupported_lines` finds those. The loops
check neither bounds nor UTF-8.

The factor: Penn Treebank, split at white space, against Hugging Face `tokenizers`, one thread
(`python -m benchmarks.speed.tokenizer`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled, count_trailing_zeros, load_int64
from models.special_tokens import SPECIAL_TOKENS
from models.utils.arrays import ByteArray

WORD, SPACE, PUNCTUATION, UNSUPPORTED = range(4)
"""Classes of characters: part of a word, white space, any other that stands for itself, left to the pipeline."""
IDEOGRAPHIC_SPACE = 0x3000
"""The one white space character beyond the table of `CharClasses`."""
STRIDE = 8
"""Bytes that the loops read at once, from any byte of a text on. Those beyond its end must be there and 0."""
NEWLINE, _LESS_THAN, _APOSTROPHE, _CURLY_APOSTROPHE, _CURLY_APOSTROPHE_BYTES = 0x0A, 0x3C, 0x27, 0x2019, 3
_EIGHT_EXCLAMATION_MARKS, _EIGHT_HIGH_BITS = 0x2121212121212121, -0x7F7F7F7F7F7F7F80
# Short spellings as numbers, so that the loops compare them in one step.
_MAX_SPECIAL_BYTES = max(len(token) for token in SPECIAL_TOKENS)
_SPECIAL_TOKEN_KEYS = tuple(int.from_bytes(token.encode()) for token in SPECIAL_TOKENS)
_STANDALONE_CONTRACTIONS = tuple(
    int.from_bytes(letters) for letters in (b"s", b"t", b"d", b"m", b"ll", b"re", b"ve", b"em", b"tis", b"twas")
)


class CharClasses(NamedTuple):
    """Classes of characters for one way of splitting text.

    table: [N] class of each code point below N.
    beyond_table: class of the code points from N on, but for IDEOGRAPHIC_SPACE.
    splits_punctuation: whether words are split from punctuation, or at white space only.
    """

    table: NDArray[np.uint8]
    beyond_table: int
    splits_punctuation: bool


def padded_bytes(text: bytes) -> ByteArray:
    """Copy `text` to an array [T] uint8 that the loops can read, with STRIDE zeros behind its end.

    The array is writable, as that of a `VocabTable` is, so that the loops are compiled for one type only.
    """
    padded = bytearray(len(text) + STRIDE)
    padded[: len(text)] = text
    return np.frombuffer(padded, np.uint8)[: len(text)]


@compiled
def next_unsupported_lines(data: ByteArray, start: Int, classes: CharClasses) -> tuple[Int, Int]:
    """Find the next lines in a row, from `start` on, that hold an unsupported character.

    Returns where they begin and end, or twice the end of `data` where there are none.
    """
    first: Int = -1
    line, unsupported, i = start, False, start
    while i < data.size:
        kind, length = class_at(data, i, classes)
        unsupported |= kind == UNSUPPORTED
        i += length
        if data[i - 1] == NEWLINE or i >= data.size:
            if unsupported and first < 0:
                first = line
            if not unsupported and first >= 0:
                return first, line
            line, unsupported = i, False
    return (first, data.size) if first >= 0 else (data.size, data.size)


@compiled
def split_tokens(data: ByteArray, classes: CharClasses, spans: NDArray[np.int64]) -> Int:
    """Write begin and end of each token of `data` to `spans` [>= T, 2], equal for newlines; return T."""
    i: Int = np.int64(0)
    n: Int = np.int64(0)
    after_word = bool(data.size < 0)
    while i < data.size:
        kind, length = class_at(data, i, classes)
        end, after = (i + length, False) if kind == SPACE else token_end(data, i, after_word, classes)
        if kind != SPACE or data[i] == NEWLINE:
            spans[n, 0], spans[n, 1] = i, i if kind == SPACE else end
            n += 1
        i, after_word = end, after
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
        n += (kind != SPACE and not inside) or data[i] == NEWLINE
        i, inside = i + length, bool(kind != SPACE)
    return n


@compiled
def class_at(data: ByteArray, i: Int, classes: CharClasses) -> tuple[Int, Int]:
    """Return the class of the character at `i` and its length in bytes."""
    lead = np.int64(data[i])
    if lead < 0x80:
        return np.int64(classes.table[lead]), 1
    code, length = code_point_at(data, i, lead)
    if code < classes.table.size:
        return np.int64(classes.table[code]), length
    return np.int64(SPACE if code == IDEOGRAPHIC_SPACE else classes.beyond_table), length


@compiled
def code_point_at(data: ByteArray, i: Int, lead: Int) -> tuple[Int, Int]:
    """Return code point and length of the character at `i`, of several bytes with `lead` the first."""
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    code = lead & (0x7F >> length)
    for k in range(1, length):
        code = code << 6 | np.int64(data[i + k]) & 0x3F
    return code, length


@compiled
def token_end(data: ByteArray, i: Int, after_word: bool, classes: CharClasses) -> tuple[Int, bool]:
    """Return where the token that begins at `i` ends, and whether it ends inside a word.

    `i` is no white space; `after_word`: a character of a word stands before it. The cases are those of
    `pipeline.WORD_PATTERN`.
    """
    if not classes.splits_punctuation:
        return next_space(data, i, classes), True
    kind, length = class_at(data, i, classes)
    if kind == WORD:
        return word_end(data, i, classes), True
    end = special_token_end(data, i)
    if end > i:
        return end, False
    end = contraction_end(data, i, after_word, classes)
    if end > i:
        return end, True
    end = i + length
    while bytes_equal(data, end, data, i, length):
        end += length
    return end, False


@compiled
def next_space(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Find the next white space from `i` on, or the end of `data`. Reads ASCII eight bytes at a time."""
    while i < data.size:
        eight = load_int64(data.ctypes.data + i)
        # The lowest bit set belongs to the first byte that is below `!` or above 0x7F; none below it borrows from it.
        doubtful = (((eight - _EIGHT_EXCLAMATION_MARKS) & ~eight) | eight) & _EIGHT_HIGH_BITS
        if doubtful == 0:
            i += STRIDE
            continue
        i += count_trailing_zeros(doubtful) >> 3
        kind, length = class_at(data, i, classes)
        if i >= data.size or kind == SPACE:
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
def contraction_end(data: ByteArray, i: Int, after_word: bool, classes: CharClasses) -> Int:
    """Return where the contraction that begins with an apostrophe at `i` ends, or `i` where none begins."""
    letters = i + apostrophe_length(data, i)
    if letters == i:
        return i
    end = letters_end(data, letters, classes)
    return end if end > letters and (after_word or is_standalone_contraction(data, letters, end)) else i


@compiled
def word_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the word that begins at `i` ends: before its "n't", or where its letters end."""
    end = letters_end(data, i, classes)
    t = end + apostrophe_length(data, end)
    if t == end or t >= data.size or data[t] | 0x20 != 0x74 or data[end - 1] | 0x20 != 0x6E:
        return end
    if t + 1 < data.size and class_at(data, t + 1, classes)[0] == WORD:
        return end
    return end - 1 if end - 1 > i else t + 1


@compiled
def letters_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the run of word characters from `i` on ends."""
    while i < data.size:
        kind, length = class_at(data, i, classes)
        if kind != WORD:
            break
        i += length
    return i


@compiled
def apostrophe_length(data: ByteArray, i: Int) -> Int:
    """Return the length in bytes of the apostrophe at `i`, 0 where there is none."""
    if i < data.size and data[i] == _APOSTROPHE:
        return 1
    if i + 2 < data.size and data[i] == 0xE2 and code_point_at(data, i, np.int64(data[i]))[0] == _CURLY_APOSTROPHE:
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


@compiled
def bytes_equal(a: ByteArray, i: Int, b: ByteArray, j: Int, length: Int) -> bool:
    """Whether `a` has `length` bytes from `i` on, and they equal those of `b` from `j` on."""
    if i + length > a.size:
        return False
    k: Int = 0
    while k < length and a[i + k] == b[j + k]:
        k += 1
    return bool(k == length)
