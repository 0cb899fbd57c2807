"""Where word tokens begin and end, found in the UTF-8 bytes of a text by compiled loops.

It cuts as `models.tokenization.pipeline` defines, given the classes of characters, and finds the lines with
characters of no known class, which are left to the pipeline itself. It does not know vocabularies. Nothing here
checks bounds or UTF-8.

The classes of characters: which make words, which separate, which stand for themselves.

It knows code points. The classes are told by `models.tokenization.pipeline` itself, so that there is no second
opinion, for the characters whose lower case is the same in all versions of Unicode that Python and it may know:
Latin, Greek, Cyrillic,
punctuation and symbols. The rest is FOREIGN, unless blanks alone separate tokens. It does not know texts.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled, count_trailing_zeros, load_int64
from models.special_tokens import SPECIAL_TOKENS
from models.tokenization import pipeline
from models.tokenization.config import TokenizerConfig

WORD, SPACE, PUNCTUATION, UNSUPPORTED = range(4)
"""What words are of, what separates, any other, and what only the pipeline can judge."""


IDEOGRAPHIC_SPACE = 0x3000
"""The one blank beyond the table of any alphabet."""


_SUPPORTED_CODE_POINTS = frozenset([*range(0x0530), *range(0x1E00, 0x2300)])


_OGHAM_SPACE = 0x1680


class CharClasses(NamedTuple):
    """The classes of characters to one way of cutting text.

    table: [N] by code point.
    beyond: the class of those from N on, but for IDEOGRAPHIC_SPACE.
    words: whether to cut words from punctuation, or at blanks only.
    """

    table: NDArray[np.uint8]
    beyond_table: int
    splits_punctuation: bool


@cache
def char_classes(lowercase: bool, pretokenized: bool) -> CharClasses:
    """The alphabet of word tokenizers with these settings, told by their pipeline itself, character by character."""
    config = TokenizerConfig(lowercase=lowercase, pretokenized=pretokenized)
    splitter = pipeline.build_pipeline(config, SPECIAL_TOKENS)
    beyond = WORD if pretokenized and not lowercase else UNSUPPORTED
    table = np.full(max(_SUPPORTED_CODE_POINTS) + 1, beyond, np.uint8)
    for code in _SUPPORTED_CODE_POINTS:
        # Lower-casing leads out of the known characters for two letters of Latin Extended-B.
        if _SUPPORTED_CODE_POINTS.issuperset(map(ord, chr(code).lower())):
            table[code] = _classify(pipeline.surface_forms(splitter, f"a{chr(code)}a"))
    table[[ord("\n"), _OGHAM_SPACE]] = SPACE
    return CharClasses(table, beyond, not pretokenized)


def _classify(surfaces: list[str]) -> int:
    """The class of a character, by what becomes of it between two letters."""
    return WORD if len(surfaces) == 1 else SPACE if surfaces == ["a", "a"] else PUNCTUATION


ByteArray: TypeAlias = "NDArray[np.uint8]"

STRIDE = 8
"""Bytes that are read at once, from any byte of a text on; those beyond its end are 0."""
NEWLINE, _LESS_THAN, _APOSTROPHE, _CURLY_APOSTROPHE, _CURLY_APOSTROPHE_BYTES = 0x0A, 0x3C, 0x27, 0x2019, 3
# Short spellings as numbers: loops compare those at once.
_EIGHT_EXCLAMATION_MARKS, _EIGHT_HIGH_BITS = 0x2121212121212121, -0x7F7F7F7F7F7F7F80
_MAX_SPECIAL_BYTES = max(len(token) for token in SPECIAL_TOKENS)
_SPECIAL_TOKEN_KEYS = tuple(int.from_bytes(token.encode()) for token in SPECIAL_TOKENS)
_STANDALONE_CONTRACTIONS = tuple(
    int.from_bytes(letters) for letters in (b"s", b"t", b"d", b"m", b"ll", b"re", b"ve", b"em", b"tis", b"twas")
)


@compiled
def next_unsupported_lines(data: ByteArray, start: Int, alphabet: CharClasses) -> tuple[Int, Int]:
    """The first lines in a row, from `start` on, that hold a foreign character: begin and end; both the end if none."""
    first, line, foreign, i = -1, start, False, start
    while i < data.size:
        kind, length = class_at(data, i, alphabet)
        foreign |= kind == UNSUPPORTED
        i += length
        if data[i - 1] == NEWLINE or i >= data.size:
            if foreign and first < 0:
                first = line
            if not foreign and first >= 0:
                return first, line
            line, foreign = i, False
    return (first, data.size) if first >= 0 else (data.size, data.size)


@compiled
def split_tokens(data: ByteArray, alphabet: CharClasses, out: NDArray[np.int64]) -> Int:
    """Write where each token of `data` begins and ends to `out` [>= T, 2], the same twice for a newline; how many."""
    i: Int = np.int64(0)
    n: Int = np.int64(0)
    after_word = bool(data.size < 0)
    while i < data.size:
        kind, length = class_at(data, i, alphabet)
        end, after = (i + length, False) if kind == SPACE else token_end(data, i, after_word, alphabet)
        if kind != SPACE or data[i] == NEWLINE:
            out[n, 0], out[n, 1] = i, i if kind == SPACE else end
            n += 1
        i, after_word = end, after
    return n


@compiled
def count_words(data: ByteArray, alphabet: CharClasses, inside: bool) -> Int:
    """How many words between blanks begin, and lines end, in `data`; `inside`: one that began before may go on."""
    n: Int = np.int64(0)
    i: Int = np.int64(0)
    while i < data.size:
        kind, length = class_at(data, i, alphabet)
        n += (kind != SPACE and not inside) or data[i] == NEWLINE
        i, inside = i + length, bool(kind != SPACE)
    return n


@compiled
def class_at(data: ByteArray, i: Int, alphabet: CharClasses) -> tuple[Int, Int]:
    """The class and the length in bytes of the character at `i`."""
    lead = np.int64(data[i])
    if lead < 0x80:
        return np.int64(alphabet.table[lead]), 1
    code, length = code_point_at(data, i, lead)
    if code < alphabet.table.size:
        return np.int64(alphabet.table[code]), length
    return np.int64(SPACE if code == IDEOGRAPHIC_SPACE else alphabet.beyond_table), length


@compiled
def code_point_at(data: ByteArray, i: Int, lead: Int) -> tuple[Int, Int]:
    """The code point and the length of the character at `i`, of more bytes than one, whose first is `lead`."""
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    code = lead & (0x7F >> length)
    for k in range(1, length):
        code = code << 6 | np.int64(data[i + k]) & 0x3F
    return code, length


@compiled
def token_end(data: ByteArray, i: Int, after_word: bool, alphabet: CharClasses) -> tuple[int, bool]:
    """Where the token that begins at `i`, not a blank, ends, and whether in a word.

    `after_word`: whether it follows a character of a word. The cases are those of `pipeline.WORD_PATTERN`.
    """
    if not alphabet.splits_punctuation:
        return next_space(data, i, alphabet), True
    kind, length = class_at(data, i, alphabet)
    if kind == WORD:
        return word_end(data, i, alphabet), True
    end = special_token_end(data, i)
    if end > i:
        return end, False
    end = contraction_end(data, i, after_word, alphabet)
    if end > i:
        return end, True
    end = i + length
    while bytes_equal(data, end, data, i, length):
        end += length
    return end, False


@compiled
def next_space(data: ByteArray, i: Int, alphabet: CharClasses) -> Int:
    """Where the run of anything but blanks that goes on at `i` ends; ASCII is read eight bytes at a time."""
    while i < data.size:
        eight = load_int64(data.ctypes.data + i)
        # The lowest bit set is that of the first byte that is below `!` or above 0x7F; none below it borrows from it.
        doubtful = (((eight - _EIGHT_EXCLAMATION_MARKS) & ~eight) | eight) & _EIGHT_HIGH_BITS
        if doubtful == 0:
            i += STRIDE
            continue
        i += count_trailing_zeros(doubtful) >> 3
        kind, length = class_at(data, i, alphabet)
        if i >= data.size or kind == SPACE:
            break
        i += length
    return min(i, data.size)


@compiled
def special_token_end(data: ByteArray, i: Int) -> Int:
    """Where the `<unk>` or `</s>` at `i` ends, `i` if there is none."""
    key: Int = 0
    if data[i] == _LESS_THAN:
        for k in range(i, min(i + _MAX_SPECIAL_BYTES, data.size)):
            key = key << 8 | np.int64(data[k])
            if key in _SPECIAL_TOKEN_KEYS:
                return k + 1
    return i


@compiled
def contraction_end(data: ByteArray, i: Int, after_word: bool, alphabet: CharClasses) -> Int:
    """Where the contraction that begins with an apostrophe at `i` ends, `i` if there is none."""
    letters = i + apostrophe_length(data, i)
    if letters == i:
        return i
    end = letters_end(data, letters, alphabet)
    return end if end > letters and (after_word or is_standalone_contraction(data, letters, end)) else i


@compiled
def word_end(data: ByteArray, i: Int, alphabet: CharClasses) -> Int:
    """Where the token that begins at `i` with a letter ends: as the run of letters does, but for its "n't"."""
    end = letters_end(data, i, alphabet)
    t = end + apostrophe_length(data, end)
    if t == end or t >= data.size or data[t] | 0x20 != 0x74 or data[end - 1] | 0x20 != 0x6E:
        return end
    if t + 1 < data.size and class_at(data, t + 1, alphabet)[0] == WORD:
        return end
    return end - 1 if end - 1 > i else t + 1


@compiled
def letters_end(data: ByteArray, i: Int, alphabet: CharClasses) -> Int:
    """Where the run of letters that begins at `i` ends."""
    while i < data.size:
        kind, length = class_at(data, i, alphabet)
        if kind != WORD:
            break
        i += length
    return i


@compiled
def apostrophe_length(data: ByteArray, i: Int) -> Int:
    """The length in bytes of the apostrophe at `i`, 0 where there is none."""
    if i < data.size and data[i] == _APOSTROPHE:
        return 1
    if i + 2 < data.size and data[i] == 0xE2 and code_point_at(data, i, np.int64(data[i]))[0] == _CURLY_APOSTROPHE:
        return _CURLY_APOSTROPHE_BYTES
    return 0


@compiled
def is_standalone_contraction(data: ByteArray, i: Int, end: Int) -> bool:
    """Whether an apostrophe and the letters from `i` to `end` are a contraction even after a blank."""
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
    """Whether the `length` bytes of `a` at `i` are there, and are those of `b` at `j`."""
    if i + length > a.size:
        return False
    k: Int = 0
    while k < length and a[i + k] == b[j + k]:
        k += 1
    return bool(k == length)


def padded_bytes(text: bytes) -> ByteArray:
    """`text` as the loops want it, with STRIDE zeros after it.

    It is writable, as a table's spelling is, so that they are compiled for one type.
    """
    padded = bytearray(len(text) + STRIDE)
    padded[: len(text)] = text
    return np.frombuffer(padded, np.uint8)[: len(text)]
