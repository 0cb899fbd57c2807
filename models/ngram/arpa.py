"""Reading and writing of back-off tables as ARPA text, the format of KenLM, SRILM and others.

ARPA has base-10 logarithms, -99 for a probability of zero, `<s>` where the boundary is a context and `</s>` where it
is predicted. The syntax of a file is parsed by `arpa_parser`; here n-grams are sorted, linked and checked.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.ngram.arpa_parser import BOS_TOKEN, LOG10_ZERO, ArpaSection, malformed_line, parse_arpa
from models.ngram.backoff_table import BackoffTable
from models.ngram.trie import Trie, split_ngrams
from models.ngram.trie_builder import UnpackedOrder, pack, unpack
from models.special_tokens import EOS
from models.utils.arrays import IntArray

_ROWS_PER_SLICE = 1 << 14
"""N-grams that are text at a time; as Python objects they take ten times the memory of the arrays."""


class SortedNgrams(NamedTuple):
    """The n-grams of one order as a file lists them, sorted by (parent, token).

    Nodes are numbered through all orders, unigrams first; node 0 is the empty context.
    """

    parent: IntArray
    """Node of the n-gram without its last word."""
    token: IntArray
    """Last word."""
    suffix: IntArray
    """Node of the longest listed n-gram that ends this one and is shorter."""
    logprob: NDArray[np.float64]
    """Log P(last word | the words before it), nats."""


def write_arpa(table: BackoffTable, vocabulary: Sequence[str], file: TextIO) -> None:
    """Write `table` with the words of `vocabulary` (id to token).

    Raises InvalidInput where a token is empty, holds a blank or is `<s>`: ARPA has no way to write it.
    """
    for token in vocabulary:
        if not token or token == BOS_TOKEN or any(c.isspace() for c in token):
            raise InvalidInput("vocabulary", f"{token!r} cannot be written in ARPA: tokens are not blank, nor <s>")
    sizes = [size for size in table.order_sizes if size]
    file.write("\\data\\\n")
    file.writelines(f"ngram {n}={size + (n == 1)}\n" for n, size in enumerate(sizes, start=1))
    for n, size in enumerate(sizes, start=1):
        file.write(f"\n\\{n}-grams:\n")
        for begin in range(0, size, _ROWS_PER_SLICE):
            places = np.arange(begin, min(begin + _ROWS_PER_SLICE, size))
            order = unpack(table.trie, n, begin, begin + len(places))
            ngrams = _ngram_texts(table.trie, n, places, vocabulary)
            file.writelines(_format_lines(order, ngrams, with_boundary=n == 1 and not begin))
    file.write("\n\\end\\\n")


def open_arpa(path: Path, mode: Literal["rt", "wt"]) -> TextIO:
    """Open the ARPA file at `path`, compressed if its name ends in .gz. Raises InvalidInput."""
    try:
        if path.suffix == ".gz":
            return cast("TextIO", gzip.open(path, mode, compresslevel=6, encoding="utf-8", newline="\n"))
        return cast("TextIO", path.open(mode, encoding="utf-8", newline="\n"))
    except OSError as error:
        raise InvalidInput("file", f"{path} cannot be opened ({error.strerror})") from None


def _ngram_texts(trie: Trie, n: int, places: NDArray[np.int64], vocabulary: Sequence[str]) -> list[str]:
    """Return the text of the n-grams of order n at ascending `places`."""
    if n == 1:
        return [vocabulary[word] for word in places.tolist()]
    parents, words = np.empty_like(places), np.empty_like(places)
    split_ngrams(trie, n, places, parents, words)
    contexts, indices = np.unique(parents, return_inverse=True)
    prefixes = _ngram_texts(trie, n - 1, contexts, vocabulary)
    if n == 2:  # the place of a unigram is its word
        prefixes = [BOS_TOKEN if i == EOS else prefix for i, prefix in zip(contexts.tolist(), prefixes, strict=True)]
    return [f"{prefixes[k]} {vocabulary[word]}" for k, word in zip(indices.tolist(), words.tolist(), strict=True)]


def _format_lines(order: UnpackedOrder, ngrams: Sequence[str], *, with_boundary: bool) -> Iterator[str]:
    """Format a line for each n-gram (the longest without a weight) and one for the boundary as a context."""
    logprobs = _log10(order.logprob)
    backoffs = _log10(order.backoff) or [0.0] * len(logprobs)
    if with_boundary:
        boundary = f"{LOG10_ZERO:g}\t{BOS_TOKEN}"
        yield f"{boundary}\t{backoffs[EOS]:.7g}\n" if backoffs[EOS] else f"{boundary}\n"
        backoffs[EOS] = 0.0
    for logprob, ngram, backoff in zip(logprobs, ngrams, backoffs, strict=True):
        yield f"{logprob:.7g}\t{ngram}\t{backoff:.7g}\n" if backoff else f"{logprob:.7g}\t{ngram}\n"


def _log10(nats: NDArray[np.float32]) -> list[float]:
    values: list[float] = np.maximum(nats.astype(np.float64) / math.log(10), LOG10_ZERO).tolist()
    return values


def read_arpa(file: TextIO) -> tuple[BackoffTable, list[str]]:
    """Read a model of any order; return its table and vocabulary (id to token, as `parse_arpa` has it).

    A file without `<unk>` gives it probability zero. Raises InvalidInput, naming the line, for anything that is not
    ARPA: a wrong number of n-grams, a number that is none, a word without a unigram, an n-gram whose context is not
    listed, or one that is listed twice.
    """
    vocabulary, sections = parse_arpa(file)
    size = len(vocabulary)
    orders, backoffs = [_sorted_unigrams(sections[0])], [np.zeros(1), sections[0].backoff]
    keys, suffixes = np.arange(size), np.zeros(1 + size, np.int64)
    for section in sections[1:]:
        ngrams, rows = _sort_section(section, keys, suffixes, size)
        orders.append(ngrams)
        backoffs.append(np.where(ngrams.token == EOS, 0.0, section.backoff[rows]))
        keys = np.concatenate([keys, ngrams.parent * size + ngrams.token])
        suffixes = np.concatenate([suffixes, ngrams.suffix])
    return BackoffTable(pack(list(_unpack_orders(orders, backoffs)))), vocabulary


def _unpack_orders(orders: Sequence[SortedNgrams], backoffs: Sequence[NDArray[np.float64]]) -> Iterator[UnpackedOrder]:
    """Yield the orders of a table, given the back-off weights of the nodes of each order from 0."""
    begin = 1  # the first node of this order
    for n, ngrams in enumerate(orders, start=1):
        size, longer = len(ngrams.token), orders[n : n + 1]  # the next order, if there is one
        child_counts = [np.bincount(above.parent - begin, minlength=size) for above in longer]
        yield UnpackedOrder(
            ngrams.token,
            ngrams.logprob.astype(np.float32),
            np.cumsum(np.concatenate([[0], *child_counts])) if longer else np.zeros(0, np.int64),
            backoffs[n].astype(np.float32) if longer else np.zeros(0, np.float32),
            suffix_closed=n == 1 or bool(np.all(ngrams.suffix >= begin - len(orders[n - 2].token))),
        )
        begin += size


def _sorted_unigrams(section: ArpaSection) -> SortedNgrams:
    empty_node = np.zeros(len(section.logprob), np.int64)
    return SortedNgrams(empty_node, section.words[:, 0], empty_node, section.logprob)


def _sort_section(section: ArpaSection, keys: IntArray, suffixes: IntArray, size: int) -> tuple[SortedNgrams, IntArray]:
    """Sort a section of order 2 or more; return its n-grams and the row that each comes from.

    `keys` (parent * V + token) and `suffixes` are those of all nodes of lower orders, `size` is V.
    """
    parent = np.zeros(len(section.words), np.int64)
    for column in section.words[:, :-1].T:
        parent = _find_nodes(keys, parent * size + column)
    if np.any(parent < 0):
        raise malformed_line("the words before the last are not listed as an n-gram", section.line[parent < 0][0])
    token = section.words[:, -1]
    rows = np.argsort(parent * size + token, kind="stable")
    parent, token = parent[rows], token[rows]
    duplicates = np.flatnonzero((np.diff(parent) == 0) & (np.diff(token) == 0))
    if len(duplicates):
        raise malformed_line("this n-gram is listed before", section.line[rows[duplicates + 1]].min())
    suffix = _longest_suffixes(parent, token, keys, suffixes, size)
    return SortedNgrams(parent, token, suffix, section.logprob[rows]), rows


def _longest_suffixes(parent: IntArray, token: IntArray, keys: IntArray, suffixes: IntArray, size: int) -> IntArray:
    """Return the node of the longest listed suffix of each n-gram.

    It is the last word as a child of the longest suffix of the parent that lists it.
    """
    context = suffixes[parent]
    node = _find_nodes(keys, context * size + token)
    while np.any(missing := node < 0):
        context[missing] = suffixes[context[missing]]
        node[missing] = _find_nodes(keys, context[missing] * size + token[missing])
    return node


def _find_nodes(keys: IntArray, wanted: IntArray) -> NDArray[np.int64]:
    """Return the nodes whose keys are `wanted`, -1 where there is none."""
    indices = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[indices] == wanted, indices + 1, -1)
