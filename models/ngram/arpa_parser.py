"""ARPA text taken apart: lines to words, numbers and line numbers, order by order.

It knows the grammar of the file and refuses what breaks it, naming the line. It does not know tables, nor whether
the n-grams hang together.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.special_tokens import EOS, UNK

LOG10_ZERO = -99.0
"""How ARPA writes the logarithm of zero."""
BOS_TOKEN, END_TOKEN, UNKNOWN_TOKEN = "<s>", "</s>", "<unk>"
_UPPERCASE_UNKNOWN = "<UNK>"
_ROWS_AT_ONCE = 1 << 16
_WHOLE_NUMBER = re.compile("[0-9]{1,18}")


class ArpaSection(NamedTuple):
    """The n-grams of one order as the file lists them; for unigrams, sorted by id, all words of the vocabulary."""

    words: NDArray[np.int64]
    """[rows, n] token ids; `<s>` has the id of `</s>`, and no row of its own among the unigrams."""
    logprob: NDArray[np.float64]
    """[rows] nats."""
    backoff: NDArray[np.float64]
    """[rows] nats, 0 where the file has none."""
    line: NDArray[np.int64]
    """[rows] where in the file each stands, from 1."""


def parse_arpa(file: TextIO) -> tuple[list[str], list[ArpaSection]]:
    """The vocabulary (id to token; `<unk>` 0, `</s>` 1, then as listed) and the sections by order, unigrams first.

    Raises InvalidInput, naming the line.
    """
    lines = ArpaLines(file)
    sizes = lines.read_header()
    tokens, first = _unigrams(lines, sizes[0], len(sizes))
    ids = {BOS_TOKEN: -1, _UPPERCASE_UNKNOWN: UNK} | {token: i for i, token in enumerate(tokens)}
    sections = [first]
    for n, size in enumerate(sizes[1:], start=2):
        lines.expect(f"\\{n}-grams:")
        sections.append(_section(lines, n, size, len(sizes), ids))
    lines.expect("\\end\\")
    return tokens, sections


def malformed_line(message: str, line: int) -> InvalidInput:
    """The error for what is wrong in `line`."""
    return InvalidInput("arpa", f"line {line}: {message}")


class ArpaLines:
    """The lines of an ARPA file and the number of the last one read. Blank ones are passed over."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0

    def next_line(self) -> str:
        """The next line that is not blank."""
        try:
            for line in self._file:
                self.number += 1
                if not line.isspace():
                    return line.strip()
        except (UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self.error(f"what follows is not UTF-8 text, or not what gzip wrote ({error})") from error
        raise self.error("the file stops here, before \\end\\")

    def expect(self, text: str) -> None:
        """Read one line that must be `text`."""
        line = self.next_line()
        if line != text:
            raise self.error(f"{text} should stand here, not {line[:80]!r}")

    def read_header(self) -> list[int]:
        """Skip to `\\data\\` and read how many n-grams each order has, up to and with the line `\\1-grams:`."""
        while self.next_line() != "\\data\\":
            pass
        sizes: list[int] = []
        while (line := self.next_line()) != "\\1-grams:":
            order, _, size = line.removeprefix("ngram").partition("=")
            if order.strip() != str(len(sizes) + 1) or not _WHOLE_NUMBER.fullmatch(size.strip()):
                raise self.error(f"'ngram {len(sizes) + 1}=' and a number should stand here, not {line[:80]!r}")
            sizes.append(int(size))
        if not sizes:
            raise self.error("no number of n-grams is announced before this line")
        return sizes

    def read_ngram(self, n: int, longest: bool) -> tuple[list[str], float, float]:
        """Read one n-gram: its words, its log-probability and its back-off weight, 0 where none is given (nats)."""
        fields = self.next_line().split()
        if len(fields) != n + 1 and (longest or len(fields) != n + 2):
            raise self.error(f"a number and {n} words{'' if longest else ' and perhaps a number'} should stand here")
        words = fields[1 : n + 1]
        return words, self._logprob(fields[0]), self._nats(fields[n + 1]) if len(fields) == n + 2 else 0.0

    def _logprob(self, text: str) -> float:
        nats = self._nats(text)
        if nats > 0:
            raise self.error(f"the log-probability {text} is above zero")
        return nats

    def _nats(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise self.error(f"{text!r} is not a number") from None
        if math.isnan(value) or value == math.inf:
            raise self.error(f"{text} is not a finite number")
        return value * math.log(10) if value > LOG10_ZERO else -math.inf

    def error(self, message: str) -> InvalidInput:
        """The error for the last line read."""
        return malformed_line(message, self.number)


def _unigrams(lines: ArpaLines, size: int, order: int) -> tuple[list[str], ArpaSection]:
    listed: dict[str, tuple[float, float, int]] = {}
    for _ in range(size):
        (word,), logprob, backoff = lines.read_ngram(1, longest=order == 1)
        if word in listed:
            raise lines.error(f"{word!r} is listed before")
        listed[word] = logprob, backoff, lines.number
    if UNKNOWN_TOKEN not in listed and _UPPERCASE_UNKNOWN in listed:
        listed = {UNKNOWN_TOKEN if word == _UPPERCASE_UNKNOWN else word: row for word, row in listed.items()}
    if END_TOKEN not in listed:
        raise lines.error(f"no unigram is {END_TOKEN}")
    boundary = listed.pop(BOS_TOKEN, (-math.inf, 0.0, 0))
    unknown = listed.pop(UNKNOWN_TOKEN, (-math.inf, 0.0, 0))
    end = listed.pop(END_TOKEN)
    tokens = [UNKNOWN_TOKEN, END_TOKEN, *listed]
    rows = [unknown, (end[0], boundary[1], end[2]), *listed.values()]
    return tokens, _columns([[i] for i in range(len(tokens))], rows)


def _section(lines: ArpaLines, n: int, size: int, order: int, ids: dict[str, int]) -> ArpaSection:
    """The n-grams of order `n`, in columns after so many rows: as Python's objects they take ten times the room."""
    parts = [_columns([], [], n)]
    for begin in range(0, size, _ROWS_AT_ONCE):
        words: list[list[int]] = []
        rows: list[tuple[float, float, int]] = []
        for _ in range(begin, min(begin + _ROWS_AT_ONCE, size)):
            tokens, logprob, backoff = lines.read_ngram(n, longest=n == order)
            words.append(_ids(lines, tokens, ids))
            rows.append((logprob, backoff, lines.number))
        parts.append(_columns(words, rows, n))
    return ArpaSection(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _ids(lines: ArpaLines, tokens: list[str], ids: dict[str, int]) -> list[int]:
    try:
        ngram = [ids[token] for token in tokens]
    except KeyError as missing:
        raise lines.error(f"{missing} is not among the unigrams") from None
    if EOS in ngram[:-1] or -1 in ngram[1:]:
        raise lines.error(f"{BOS_TOKEN} may only begin an n-gram, {END_TOKEN} only end it")
    ngram[0] = EOS if ngram[0] < 0 else ngram[0]
    return ngram


def _columns(words: Sequence[Sequence[int]], rows: Sequence[tuple[float, float, int]], n: int = 1) -> ArpaSection:
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [(), (), ()]
    return ArpaSection(
        np.array(words, np.int64).reshape(-1, n),
        np.array(columns[0], np.float64),
        np.array(columns[1], np.float64),
        np.array(columns[2], np.int64),
    )
