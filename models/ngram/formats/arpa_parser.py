"""Parser of ARPA text: `parse_arpa` makes a vocabulary and an `ArpaSection` per order of a file.

What breaks the grammar of the file is refused, naming the line. Whether the n-grams make a sound table is checked by
`arpa.read_arpa`, which has all orders side by side.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Generator, Sequence
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.ngram.formats.arpa_lines import BOS_TOKEN, ArpaLines
from models.special_tokens import EOS, EOS_TOKEN, UNK, UNK_TOKEN

_UPPERCASE_UNK_TOKEN = "<UNK>"
"""Unknown word as SRILM may write it."""
_ROWS_PER_SLICE = 1 << 16
"""N-grams that are Python objects at a time; they take ten times the memory of the arrays."""
_Row = tuple[float, float, int]
"""Log-probability and log back-off weight in nats, and the line."""


class ArpaSection(NamedTuple):
    """The n-grams of one order as the file lists them; unigrams are sorted by id and cover the vocabulary."""

    words: NDArray[np.int64]
    """[rows, n] token ids; `<s>` has the id of `</s>`, and no row of its own among the unigrams."""
    logprob: NDArray[np.float64]
    """[rows] nats."""
    backoff: NDArray[np.float64]
    """[rows] log back-off weights in nats, 0 where the file has none."""
    line: NDArray[np.int64]
    """[rows] line of the file, from 1."""


class ParsedArpa(NamedTuple):
    """Content of an ARPA file."""

    vocabulary: list[str]
    """Token of each id: `<unk>` 0, `</s>` 1, then as listed."""
    sections: list[ArpaSection]
    """By order, unigrams first."""
    left_out: int
    """How many n-grams were left out that hold `</s>` before their end or `<s>` after their beginning."""


def parse_arpa(file: TextIO, vocabulary: Sequence[str] | None = None) -> Generator[tuple[int, int], None, ParsedArpa]:
    """Parse a file; yield now and then how many n-grams are read, and how many there are.

    N-grams with `</s>` before their end or `<s>` after their beginning are left out: no text leads there. A given
    `vocabulary` is kept, and its tokens that the file lacks have probability zero.

    Raises InvalidInput, naming the line; and for words that a given vocabulary lacks.
    """
    lines = ArpaLines(file)
    sizes = lines.read_header()
    tokens, unigrams = _parse_unigrams(lines, sizes[0], len(sizes), vocabulary)
    ids = {BOS_TOKEN: -1, _UPPERCASE_UNK_TOKEN: UNK} | {token: i for i, token in enumerate(tokens)}
    sections, done = [unigrams], sizes[0]
    for n, size in enumerate(sizes[1:], start=2):
        yield done, sum(sizes)
        lines.expect(f"\\{n}-grams:")
        parts = [_columns([], [], n)]
        for begin in range(0, size, _ROWS_PER_SLICE):
            count = min(_ROWS_PER_SLICE, size - begin)
            parts.append(_parse_slice(lines, n, count, n == len(sizes), ids))
            yield done + begin + count, sum(sizes)
        sections.append(ArpaSection(*(np.concatenate(column) for column in zip(*parts, strict=True))))
        done += size
    lines.expect("\\end\\")
    return ParsedArpa(tokens, sections, sum(sizes[1:]) - sum(len(section.line) for section in sections[1:]))


def _parse_unigrams(
    lines: ArpaLines, size: int, order: int, vocabulary: Sequence[str] | None
) -> tuple[list[str], ArpaSection]:
    """Parse the unigrams: the vocabulary by id and its section. `<s>` gives its back-off weight to `</s>`."""
    rows_by_word: dict[str, _Row] = {}
    for _ in range(size):
        (word,), logprob, backoff = lines.read_ngram(1, highest=order == 1)
        if word in rows_by_word:
            raise lines.error(f"{word!r} is listed before")
        rows_by_word[word] = logprob, backoff, lines.number
    if UNK_TOKEN not in rows_by_word and _UPPERCASE_UNK_TOKEN in rows_by_word:
        rows_by_word = {UNK_TOKEN if word == _UPPERCASE_UNK_TOKEN else word: row for word, row in rows_by_word.items()}
    if EOS_TOKEN not in rows_by_word:
        raise lines.error(f"no unigram is {EOS_TOKEN}")
    boundary = rows_by_word.pop(BOS_TOKEN, (-math.inf, 0.0, 0))
    unknown = rows_by_word.pop(UNK_TOKEN, (-math.inf, 0.0, 0))
    end = rows_by_word.pop(EOS_TOKEN)
    words = list(rows_by_word) if vocabulary is None else _known_words(rows_by_word, vocabulary)
    tokens = [UNK_TOKEN, EOS_TOKEN, *words]
    rows = [unknown, (end[0], boundary[1], end[2]), *(rows_by_word.get(word, (-math.inf, 0.0, 0)) for word in words)]
    return tokens, _columns([[i] for i in range(len(tokens))], rows)


def _known_words(words: Collection[str], vocabulary: Sequence[str]) -> Sequence[str]:
    """Return the ordinary tokens of a vocabulary. Raises InvalidInput where it lacks some of `words`."""
    known = vocabulary[EOS + 1 :]
    if foreign := sorted(set(words).difference(known)):
        message = f"{len(foreign)} words of the file are no tokens of the tokenizer, {foreign[0]!r} among them"
        raise InvalidInput("tokenizer", message)
    return known


def _parse_slice(lines: ArpaLines, n: int, size: int, highest: bool, ids: dict[str, int]) -> ArpaSection:
    """Parse `size` n-grams of order n; those that no text leads to are left out."""
    words: list[list[int]] = []
    rows: list[_Row] = []
    for _ in range(size):
        tokens, logprob, backoff = lines.read_ngram(n, highest)
        ngram = _ngram_ids(lines, tokens, ids)
        if ngram is not None:
            words.append(ngram)
            rows.append((logprob, backoff, lines.number))
    return _columns(words, rows, n)


def _ngram_ids(lines: ArpaLines, tokens: list[str], ids: dict[str, int]) -> list[int] | None:
    """Look up the ids of an n-gram; None for a boundary inside. Raises InvalidInput for unknown words."""
    try:
        ngram = [ids[token] for token in tokens]
    except KeyError as missing:
        raise lines.error(f"{missing} is not among the unigrams") from None
    if EOS in ngram[:-1] or -1 in ngram[1:]:
        return None
    ngram[0] = EOS if ngram[0] < 0 else ngram[0]
    return ngram


def _columns(words: Sequence[Sequence[int]], rows: Sequence[_Row], n: int = 1) -> ArpaSection:
    """Make a section of n-grams and their log-probabilities, back-off weights and line numbers."""
    columns: list[tuple[float, ...]] = list(zip(*rows, strict=True)) or [(), (), ()]
    logprobs, backoffs = np.array(columns[:2], np.float64)
    return ArpaSection(np.array(words, np.int64).reshape(-1, n), logprobs, backoffs, np.array(columns[2], np.int64))
