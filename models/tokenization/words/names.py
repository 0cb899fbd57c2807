"""Compiled loops over names that hold punctuation: URLs, e-mail addresses, `@name`, AT&T, C++.

They read what `word_patterns` calls names. Most begin with a word, and the character behind it tells which they may be.
The data and classes are those of `word_splitter`.
"""

from __future__ import annotations

import string

import numpy as np

from models.kernels.jit import Int, compiled, inlined
from models.tokenization.words.char_classes import WORD, CharClasses, class_at
from models.tokenization.words.letters import is_after_word, is_extending, is_more, letters_end
from models.utils.arrays import ByteArray

_MAX_LOCAL_BYTES = 64
_NAME_MARKS = sum(1 << byte for byte in b":&#.+%-")  # by bit; the @ has none of 64
_URL_MARK, _URL_INNER_MARK, _LOCAL = 1, 2, 4


def _byte_classes() -> ByteArray:
    classes = np.zeros(256, np.uint8)
    classes[list(b"-~/#@$&+=%")] |= _URL_MARK
    classes[list(b".,:;?!'()*[]")] |= _URL_INNER_MARK
    classes[list(f"{string.ascii_letters}{string.digits}_.+%-".encode())] |= _LOCAL
    return classes


_CLASSES = _byte_classes()
"""Whether a URL may hold a byte, and where, and whether the part of an e-mail address before the @ may."""


@inlined
def may_be_name(mark: Int) -> bool:
    """Whether a name may go on with the byte `mark` behind its first word."""
    return bool(mark == ord("@") or (mark < 64 and (_NAME_MARKS >> mark) & 1))


@compiled
def name_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return where the name ends that begins with the word `data[i:end]`, or `i` where none does."""
    mark = data[end]
    if mark == ord(":"):
        return url_end(data, i, end + 3, classes) if data[end + 1] == data[end + 2] == ord("/") else i
    if mark == ord("&"):
        return ampersand_end(data, i, end, classes)
    if mark == ord("#"):
        return sharp_end(data, i, end, classes)
    stop = url_end(data, i, end + 1, classes) if mark == ord(".") and is_www(data, i, end) else i
    stop = email_end(data, i, end, classes) if stop == i else stop
    return plus_end(data, i, end, classes) if stop == i and mark == ord("+") else stop


@compiled
def url_end(data: ByteArray, i: Int, rest: Int, classes: CharClasses) -> Int:
    """Return where the URL that begins at `i` and goes on at `rest` ends, or `i` where no letter is there."""
    if rest >= data.size or class_at(data, rest, classes)[0] & WORD == 0:
        return i
    end = rest
    while rest < data.size:
        stop = letters_end(data, rest, classes)
        if stop > rest:
            rest = end = stop
        elif _CLASSES[data[rest]] & _URL_INNER_MARK:
            rest += 1
        elif _CLASSES[data[rest]] & _URL_MARK and not is_extending(data, rest + 1, classes):
            rest = end = rest + 1
        else:
            break
    return end


@compiled
def is_www(data: ByteArray, i: Int, end: Int) -> bool:
    """Whether `data[i:end]` is "www" in any case."""
    if end - i != 3:
        return False
    return bool(data[i] | 0x20 == data[i + 1] | 0x20 == data[i + 2] | 0x20 == ord("w"))


@compiled
def email_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return where the e-mail address ends that begins with the word `data[i:end]`, or `i`."""
    while _CLASSES[data[end]] & _LOCAL and end - i <= _MAX_LOCAL_BYTES:
        end += 1
    if data[end] != ord("@") or end - i > _MAX_LOCAL_BYTES:
        return i
    for k in range(i, end):
        if not _CLASSES[data[k]] & _LOCAL:
            return i
    stop = letters_end(data, end + 1, classes)
    dots = 0
    while stop > end + 1 and (data[stop] == ord(".") or data[stop] == ord("-")):
        label_end = letters_end(data, stop + 1, classes)
        if label_end == stop + 1:
            break
        dots += data[stop] == ord(".")
        stop = label_end
    return stop if dots > 0 else i


@compiled
def ampersand_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return where `data[i:end]` and the words that ampersands join to it end; `i` if none is joined."""
    first_end = end
    while data[end] == ord("&"):
        stop = letters_end(data, end + 1, classes)
        if stop == end + 1 or data[stop] == ord(";"):  # `;` ends a character reference of HTML
            break
        end = stop
    return end if end > first_end else i


@compiled
def plus_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return where the name of the word `data[i:end]`, two plus signs and perhaps a number ends, or `i`."""
    rest = end + 2
    if data[end + 1] != ord("+") or data[rest] == ord("+") or is_extending(data, rest, classes):
        return i
    return letters_end(data, rest, classes)


@compiled
def sharp_end(data: ByteArray, i: Int, end: Int, classes: CharClasses) -> Int:
    """Return where the name of the letter `data[i:end]` and a number sign ends, or `i` where it is none."""
    is_letter = end - i == 1 and ord("a") <= data[i] | 0x20 <= ord("z")
    return i if not is_letter or data[end + 1] == ord("#") or is_more(data, end + 1, classes) else end + 1


@compiled
def tag_end(data: ByteArray, i: Int, classes: CharClasses) -> Int:
    """Return where the `@name` or `#topic` that begins at `i` ends, or `i` where none does."""
    if data[i] != ord("@") and data[i] != ord("#"):
        return i
    if ord("0") <= data[i + 1] <= ord("9") or is_extending(data, i + 1, classes) or is_after_word(data, i, classes):
        return i
    end = letters_end(data, i + 1, classes)
    return end if end > i + 1 else i
