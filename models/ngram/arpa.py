"""Back-off tables to and from ARPA text, which KenLM, SRILM and others read and write.

It knows the format: base-10 logarithms, -99 for zero, `<s>` where the boundary is a context and `</s>` where it is
predicted. How the text is taken apart is `arpa_text`'s; it does not know tokenizers or smoothings.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.ngram.arpa_parser import BOS_TOKEN, LOG10_ZERO, ArpaSection, malformed_line, parse_arpa
from models.ngram.backoff_table import BackoffTable
from models.ngram.trie import Trie, split_ngrams
from models.ngram.trie_builder import UnpackedOrder, pack, unpack
from models.special_tokens import EOS

Ints = NDArray[np.integer[Any]]

_ROWS_AT_ONCE = 1 << 14
"""So many n-grams are text at a time: as Python's objects they take ten times the room."""


class SortedNgrams(NamedTuple):
    """The n-grams of one order, sorted by (parent, token). Nodes are numbered through all orders, node 0 empty."""

    parent: Ints
    """Node of the n-gram without its last word."""
    token: Ints
    """Last word."""
    suffix: Ints
    """Node of the longest listed n-gram that ends this one and is shorter."""
    logprob: NDArray[np.floating[Any]]
    """Log P(last word | the words before it), nats."""


def write_arpa(tables: BackoffTable, vocabulary: Sequence[str], file: TextIO) -> None:
    """Write `tables` with the words of `vocabulary` (id to token).

    Raises InvalidInput where a token is empty, holds a blank or is `<s>`: ARPA has no way to write it.
    """
    for token in vocabulary:
        if not token or token == BOS_TOKEN or any(c.isspace() for c in token):
            raise InvalidInput("vocabulary", f"{token!r} cannot be written in ARPA: tokens are not blank, nor <s>")
    sizes = [n for n in tables.order_sizes if n]
    file.write("\\data\\\n")
    file.writelines(f"ngram {n}={size + (n == 1)}\n" for n, size in enumerate(sizes, start=1))
    for n, size in enumerate(sizes, start=1):
        file.write(f"\n\\{n}-grams:\n")
        for begin in range(0, size, _ROWS_AT_ONCE):
            places = np.arange(begin, min(begin + _ROWS_AT_ONCE, size))
            order = unpack(tables.trie, n, begin, begin + len(places))
            ngrams = _ngram_texts(tables.trie, n, places, vocabulary)
            file.writelines(_format_lines(order, ngrams, with_boundary=n == 1 and not begin))
    file.write("\n\\end\\\n")


def open_arpa(path: Path, mode: Literal["rt", "wt"]) -> TextIO:
    """The file of ARPA text at `path`, compressed where its name ends in .gz. Raises InvalidInput."""
    try:
        if path.suffix == ".gz":
            return cast("TextIO", gzip.open(path, mode, compresslevel=6, encoding="utf-8", newline="\n"))
        return cast("TextIO", path.open(mode, encoding="utf-8", newline="\n"))
    except OSError as error:
        raise InvalidInput("file", f"{path} cannot be opened ({error.strerror})") from None


def _ngram_texts(trie: Trie, n: int, places: NDArray[np.int64], vocabulary: Sequence[str]) -> list[str]:
    """The text of n-grams of order n, whose `places` rise."""
    if n == 1:
        return [vocabulary[word] for word in places.tolist()]
    above, words = np.empty_like(places), np.empty_like(places)
    split_ngrams(trie, n, places, above, words)
    contexts, which = np.unique(above, return_inverse=True)
    prefixes = _ngram_texts(trie, n - 1, contexts, vocabulary)
    if n == 2:  # a word that others follow is its own place
        prefixes = [
            BOS_TOKEN if word == EOS else prefix for word, prefix in zip(contexts.tolist(), prefixes, strict=True)
        ]
    return [f"{prefixes[k]} {vocabulary[word]}" for k, word in zip(which.tolist(), words.tolist(), strict=True)]


def _format_lines(order: UnpackedOrder, ngrams: Sequence[str], *, with_boundary: bool) -> Iterator[str]:
    """A line each; the longest n-grams have no back-off weight. The boundary as a context has a line of its own."""
    logprobs = _log10(order.logprob)
    backoffs = _log10(order.backoff) or [0.0] * len(logprobs)
    if with_boundary:
        yield (
            f"{LOG10_ZERO:g}\t{BOS_TOKEN}\t{backoffs[EOS]:.7g}\n" if backoffs[EOS] else f"{LOG10_ZERO:g}\t{BOS_TOKEN}\n"
        )
        backoffs[EOS] = 0.0
    for logprob, ngram, backoff in zip(logprobs, ngrams, backoffs, strict=True):
        yield f"{logprob:.7g}\t{ngram}\t{backoff:.7g}\n" if backoff else f"{logprob:.7g}\t{ngram}\n"


def _log10(nats: NDArray[np.float32]) -> list[float]:
    values: list[float] = np.maximum(nats.astype(np.float64) / math.log(10), LOG10_ZERO).tolist()
    return values


def read_arpa(file: TextIO) -> tuple[BackoffTable, list[str]]:
    """Read a model of any order; return its table and vocabulary (id to token; `<unk>` 0, `</s>` 1, then as listed).

    A file without `<unk>` gives it probability zero. Raises InvalidInput, naming the line, for anything that is not
    ARPA: a wrong number of n-grams, a number that is none, a word without a unigram, an n-gram whose context is not
    listed, or one that is listed twice.
    """
    vocabulary, sections = parse_arpa(file)
    size = len(vocabulary)
    orders, backoffs = [_unigrams(sections[0])], [np.zeros(1), sections[0].backoff]
    keys, suffixes = np.arange(size), np.zeros(1 + size, np.int64)
    for section in sections[1:]:
        entries, row = _sorted_section(section, keys, suffixes, size)
        orders.append(entries)
        backoffs.append(np.where(entries.token == EOS, 0.0, section.backoff[row]))
        keys = np.concatenate([keys, entries.parent * size + entries.token])
        suffixes = np.concatenate([suffixes, entries.suffix])
    return BackoffTable(pack(list(_unpacked_orders(orders, backoffs)))), vocabulary


def _unpacked_orders(
    listed: Sequence[SortedNgrams], backoffs: Sequence[NDArray[np.float64]]
) -> Iterator[UnpackedOrder]:
    """The orders of a table, given the back-off weights of the nodes of each order from 0."""
    begin = 1  # the first node of this order
    for n, entries in enumerate(listed, start=1):
        size, longer = len(entries.token), listed[n : n + 1]
        runs = [np.bincount(above.parent - begin, minlength=size) for above in longer]
        yield UnpackedOrder(
            entries.token,
            entries.logprob.astype(np.float32),
            np.cumsum(np.concatenate([[0], *runs])) if longer else np.zeros(0, np.int64),
            backoffs[n].astype(np.float32) if longer else np.zeros(0, np.float32),
            suffix_closed=n == 1 or bool(np.all(entries.suffix >= begin - len(listed[n - 2].token))),
        )
        begin += size


def _unigrams(section: ArpaSection) -> SortedNgrams:
    none = np.zeros(len(section.logprob), np.int64)
    return SortedNgrams(none, section.words[:, 0], none, section.logprob)


def _sorted_section(section: ArpaSection, keys: Ints, suffixes: Ints, size: int) -> tuple[SortedNgrams, Ints]:
    """Sort a section of order 2 or more, given the keys and suffixes of all nodes of lower orders; and by which row."""
    parent = np.zeros(len(section.words), np.int64)
    for column in section.words[:, :-1].T:
        parent = _find_nodes(keys, parent * size + column)
    if np.any(parent < 0):
        raise malformed_line("the words before the last are not listed as an n-gram", section.line[parent < 0][0])
    token = section.words[:, -1]
    row = np.argsort(parent * size + token, kind="stable")
    parent, token = parent[row], token[row]
    twice = np.flatnonzero((np.diff(parent) == 0) & (np.diff(token) == 0))
    if len(twice):
        raise malformed_line("this n-gram is listed before", section.line[row[twice + 1]].min())
    return SortedNgrams(
        parent, token, _longest_suffixes(parent, token, keys, suffixes, size), section.logprob[row]
    ), row


def _longest_suffixes(parent: Ints, token: Ints, keys: Ints, suffixes: Ints, size: int) -> Ints:
    """The longest listed suffix of each n-gram: its last word under the nearest suffix of its parent that lists it."""
    context = suffixes[parent]
    node = _find_nodes(keys, context * size + token)
    while np.any(missing := node < 0):
        context[missing] = suffixes[context[missing]]
        node[missing] = _find_nodes(keys, context[missing] * size + token[missing])
    return node


def _find_nodes(keys: Ints, wanted: Ints) -> NDArray[np.int64]:
    """The nodes whose keys are `wanted`, or -1."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at + 1, -1)
