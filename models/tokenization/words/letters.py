"""Compiled loops over the characters that keep together: those of a word, and those of a symbol.

They read the parts of `word_patterns` called `word` (`letters_end`), `more` (`is_more`) and `symbol` (`symbol_end`).
The data and classes are those of `word_splitter`.
"""

from __future__ import annotations

import numpy as np

from models.kernels.jit import Int, compiled, inlined
from models.tokenization.words.char_classes import (
    EXTENDING,
    FLAG_LETTER,
    FORMAT,
    PICTURE,
    PREPENDED,
    SPACE,
    WORD,
    CharClasses,
    class_at,
    class_before,
)
from models.utils.arrays import ByteArray

_JOINER_BYTES = (0xE2, 0x80, 0x8D)  # U+200D, the zero width joiner


@inlined
def letters_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the word that begins at `i` ends, or `i` where none begins."""
    end = i
    while data[end] < 0x80 and classes.table[data[end]] & WORD:  # the zeros behind the text are no letters
        end += 1
    return end if data[end] < 0x80 else other_letters_end(data, i, end, classes)


@compiled
def other_letters_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return what `letters_end` does, where no character of ASCII follows the letters `data[i:end]`."""
    if end > i:
        return more_end(data, end, np.int64(WORD), classes)
    kind, length = class_at(data, i, classes)
    if kind & (WORD | PREPENDED) == 0:
        return i
    if kind & WORD == 0:  # a prepended character begins a word with whatever it belongs to
        following, following_length = class_at(data, i + length, classes)
        if i + length >= data.size or following & SPACE:
            return i
        kind, length = following, length + following_length
    return more_end(data, i + length, kind, classes)


@compiled
def more_end(data: ByteArray, i: Int, before: Int, classes: CharClasses) -> Int:
    """Return where the word ends that `i` stands in, behind a character of the classes `before`."""
    while i < data.size:
        kind, length = class_at(data, i, classes)
        if kind & (WORD | EXTENDING) == 0:
            end = inside_end(data, i, classes) if kind & FORMAT else i
            if end == i and not is_joined(data, i, kind, before):
                break
            length = max(length, end - i)
        i, before = i + length, kind
    return i


@compiled
def is_more(data: ByteArray, i: Int, classes: CharClasses) -> bool:
    """Whether the word of the letter of ASCII before `i` goes on at `i`."""
    return bool(more_end(data, i, np.int64(WORD), classes) > i)


@compiled
def inside_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the format characters from `i` on end, or `i` where no letter follows them."""
    end = i
    while end < data.size:
        kind, length = class_at(data, end, classes)
        if kind & WORD:
            return end
        if kind & (FORMAT | EXTENDING) == 0:
            break
        end += length
    return i


@compiled
def is_joined(data: ByteArray, i: Int, kind: Int, before: Int) -> bool:
    """Whether the character at `i`, of classes `kind`, is joined to the one before, of classes `before`."""
    return bool((before & PREPENDED and not kind & SPACE) or (kind & PICTURE and follows_joiner(data, i)))


@compiled
def follows_joiner(data: ByteArray, i: Int) -> bool:
    """Whether a zero width joiner stands before `i`."""
    first, second, third = _JOINER_BYTES
    return bool(i > 2 and data[i - 3] == first and data[i - 2] == second and data[i - 1] == third)


@inlined
def symbol_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the run of one symbol that begins at `i` ends: one character, with what belongs to it."""
    end = i + 1
    while end < data.size and data[end] == data[i]:
        end += 1
    return end if data[i] < 0x80 and data[end] < 0x80 else other_symbol_end(data, i, classes)


@compiled
def other_symbol_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return what `symbol_end` does, where not all characters are of ASCII."""
    kind, length = class_at(data, i, classes)
    end = i + length
    if kind & FLAG_LETTER and end < data.size:
        following, length = class_at(data, end, classes)
        end += length if following & FLAG_LETTER else 0
    while end < data.size:
        kind, length = class_at(data, end, classes)
        if not (kind & EXTENDING or (kind & PICTURE and follows_joiner(data, end))):
            break
        end += length
    return repeats_end(data, i, end, classes)


@compiled
def repeats_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return where the repetitions of `data[i:end]` end; one that is extended is another symbol."""
    length = end - i
    while bytes_equal(data, end, data, i, length) and not is_extending(data, end + length, classes):
        end += length
    return end


@compiled
def is_extending(data: ByteArray, i: Int, classes: CharClasses) -> bool:
    """Whether the character at `i` belongs to the one before it."""
    return bool(i < data.size and class_at(data, i, classes)[0] & EXTENDING)


@compiled
def is_after_word(data: ByteArray, i: Int, classes: CharClasses) -> bool:
    """Whether a letter, or what extends a character, stands before `i`."""
    return bool(class_before(data, i, classes) & (WORD | EXTENDING))


@compiled
def bytes_equal(a: ByteArray, i: Int, b: ByteArray, j: Int, length: Int) -> bool:
    """Whether `a` has `length` bytes from `i` on, and they equal those of `b` from `j` on."""
    if i + length > a.size:
        return False
    k: Int = 0
    while k < length and a[i + k] == b[j + k]:
        k += 1
    return bool(k == length)
