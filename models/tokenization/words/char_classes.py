"""Classes of characters: what the patterns that define words ask of each, for the compiled loops.

`char_classes` makes the table of a way of splitting text; `classify` fills in the characters of a text. It asks
`tokenizers` about 256 characters at once when the first of them comes, as asking about all of Unicode takes seconds.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, pre_tokenizers

from models.kernels.jit import Int, compiled, count_trailing_zeros, inlined, load_int64
from models.tokenization.definition import word_patterns
from models.tokenization.raw_text import WHITESPACE
from models.utils.arrays import ByteArray

WORD, SPACE, PUNCTUATION, EXTENDING, FORMAT, FLAG_LETTER, PICTURE, PREPENDED = (1 << bit for bit in range(8))
"""Classes of characters, one bit each, of `word_patterns`; PUNCTUATION is neither word nor white space."""
STRIDE = 8
"""Bytes that the loops read at once, from any byte of a text on. Those beyond its end must be there and 0."""
_PAGE = 256
_EIGHT_HIGH_BITS = -0x7F7F7F7F7F7F7F80
_PATTERNS_BY_CLASS = {
    EXTENDING: word_patterns.EXTENDING,
    FORMAT: word_patterns.FORMAT,
    FLAG_LETTER: word_patterns.FLAG_LETTER,
    PICTURE: word_patterns.PICTURE,
    PREPENDED: word_patterns.PREPENDED,
}


class CharClasses(NamedTuple):
    """Classes of characters for one way of splitting text.

    table: [0x110000] classes of each code point, 0 where they are not known yet.
    splits_punctuation: whether words are split from punctuation, or at white space only.
    keeps_names: whether URLs and other names that hold punctuation are one token.
    control_tokens: whether `<unk>` and `</s>` in the text are tokens.
    """

    table: NDArray[np.uint8]
    splits_punctuation: bool
    keeps_names: bool
    control_tokens: bool


@cache
def char_classes(rules: int, *, pretokenized: bool, control_tokens: bool) -> CharClasses:
    """Return the classes for an edition of the rules; those of ASCII are known from the start."""
    table = _space_table(rules) if pretokenized else _word_table(min(rules, 2))
    return CharClasses(table, not pretokenized, rules > 2 and not pretokenized, control_tokens or rules == 1)


def classify(classes: CharClasses, text: str) -> None:
    """Make the classes of all characters of `text` known."""
    if text.isascii() or not has_unknown(padded_bytes(text.encode()), classes.table):
        return
    rules = 1 if classes.table is _word_table(1) else 2
    for page in {ord(character) // _PAGE for character in set(text)}:
        if classes.table[page * _PAGE] == 0:
            _fill(classes.table, page, rules)


def padded_bytes(text: bytes) -> ByteArray:
    """Copy `text` to an array [T] uint8 that the loops can read, with STRIDE zeros behind its end.

    The array is writable, as that of a `VocabTable` is, so that the loops are compiled for one type only.
    """
    padded = bytearray(len(text) + STRIDE)
    padded[: len(text)] = text
    return np.frombuffer(padded, np.uint8)[: len(text)]


@cache
def _space_table(rules: int) -> NDArray[np.uint8]:
    """Return the classes of text that is split at white space alone, from edition 2 on that of ASCII."""
    table = np.full(0x110000, WORD, np.uint8)
    table[[ord(space) for space in (WHITESPACE if rules == 1 else "\n" + word_patterns.ASCII_BLANKS)]] = SPACE
    return table


@cache
def _word_table(rules: int) -> NDArray[np.uint8]:
    table = np.zeros(0x110000, np.uint8)
    _fill(table, 0, rules)
    return table


def _fill(table: NDArray[np.uint8], page: int, rules: int) -> None:
    """Ask `tokenizers` about the characters of one page."""
    codes = range(page * _PAGE, (page + 1) * _PAGE)
    text = "".join(map(chr, codes))
    classes = np.full(_PAGE, PUNCTUATION, np.uint8)
    classes[_matches(word_patterns.SPACE, text)] = SPACE
    classes[_matches(word_patterns.LETTER, text)] = WORD
    for kind, pattern in _PATTERNS_BY_CLASS.items() if rules > 1 else ():
        classes[_matches(pattern, text)] |= kind
    table[codes.start : codes.stop] = classes


def _matches(pattern: str, text: str) -> list[int]:
    """Return which characters of `text` match `pattern`."""
    splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return [begin for _, (begin, _) in splitter.pre_tokenize_str(text)]


@compiled
def has_unknown(data: ByteArray, table: NDArray[np.uint8]) -> bool:
    """Whether UTF-8 `data` has a character whose classes are not known. Reads ASCII eight bytes at a time."""
    i: Int = np.int64(0)
    while i < data.size:
        high_bits = load_int64(data.ctypes.data + i) & _EIGHT_HIGH_BITS
        if high_bits == 0:
            i += STRIDE
            continue
        i += count_trailing_zeros(high_bits) >> 3
        code, length = code_point_at(data, i, np.int64(data[i]))
        if table[code] == 0:
            return True
        i += length
    return False


@inlined
def class_at(data: ByteArray, i: Int, classes: CharClasses) -> tuple[Int, Int]:
    """Return the classes of the character at `i` and its length in bytes."""
    lead = np.int64(data[i])
    if lead < 0x80:
        return np.int64(classes.table[lead]), 1
    code, length = code_point_at(data, i, lead)
    return np.int64(classes.table[code]), length


@inlined
def code_point_at(data: ByteArray, i: Int, lead: Int) -> tuple[Int, Int]:
    """Return code point and length of the character at `i`, of several bytes with `lead` the first."""
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    code = lead & (0x7F >> length)
    for k in range(1, length):
        code = code << 6 | np.int64(data[i + k]) & 0x3F
    return code, length


@compiled
def class_before(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return the classes of the character that ends before `i`, 0 where none does."""
    k = i - 1
    while k > 0 and data[k] & 0xC0 == 0x80:
        k -= 1
    return class_at(data, k, classes)[0] if k >= 0 else np.int64(0)
