r"""Raw text, as people type and store it: what counts as a newline and as a blank, at every door.

`clean` makes of a text what tokenizers read: a byte order mark at its start is dropped, and "\r\n" and a lone "\r" are
newlines. `LineReader` does the same to the bytes of a file. Blanks of raw text are the 25 characters of Unicode's
White_Space, no more: U+001C to U+001F, at which Python's `str.split` splits, belong to words. Text that was tokenized
before, and ARPA files, have tab and blank alone. `check_unicode` refuses what UTF-8 cannot write,
`no_panic` what the library `tokenizers` gives up on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from models.errors import InvalidText
from models.utils.arrays import Int64Array

BYTE_ORDER_MARK = "\ufeff"
WHITESPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The 25 characters with the Unicode property White_Space: blanks of raw text."""
PRETOKENIZED_BLANKS = "\t "
"""Blanks between the tokens of text that was tokenized before, and between the columns of an ARPA file."""


def clean(text: str) -> str:
    r"""Return `text` as tokenizers read it.

    >>> clean("\ufeffOne line.\r\nAnother.\rA third.")
    'One line.\nAnother.\nA third.'
    """
    return unify_newlines(text.removeprefix(BYTE_ORDER_MARK))


def unify_newlines(text: str) -> str:
    r"""Return `text` with "\n" for every "\r\n" and "\r"."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def source_offsets(text: str) -> Int64Array | None:
    r"""Return where each character of `clean(text)`, and its end, stands in `text`: [T + 1] int64.

    None where all stand at their own places. Text between two offsets of the clean text is the text between theirs.

    >>> source_offsets("a\r\nb")
    array([0, 1, 3, 4])
    """
    if len(clean(text)) == len(text):
        return None
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    is_kept = np.ones(len(codes) + 1, np.bool_)
    is_kept[1:-1] = (codes[1:] != ord("\n")) | (codes[:-1] != ord("\r"))
    is_kept[0] = not text.startswith(BYTE_ORDER_MARK)
    return np.flatnonzero(is_kept)


def check_unicode(text: str) -> str:
    """Return `text`. Raises InvalidText where it holds half a surrogate pair, which UTF-8 cannot write."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidText("text", f"must be Unicode; character {error.start} is half a surrogate pair") from None
    return text


@contextmanager
def no_panic(splitter: str = "the tokenizer") -> Iterator[None]:
    """Turn a failure inside `tokenizers`, such as a pattern's that takes too long, into InvalidText.

    It is no Exception: whoever calls `tokenizers` with the text of others and lets it pass loses the thread.
    """
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # its class cannot be imported
            raise
        raise InvalidText("text", f"must be text that {splitter} can split, which fails: {error}") from None
