"""N-grams of a file, sorted and linked: each to its context, and to its longest listed suffix.

`sort_section` sorts the rows of one order; `unpack_orders` makes of all orders what a trie is packed of. Nodes are
numbered through all orders, unigrams first; node 0 is the empty context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.ngram.formats.arpa_lines import malformed_line
from models.ngram.formats.arpa_parser import ArpaSection
from models.ngram.trie_builder import UnpackedOrder
from models.special_tokens import EOS
from models.utils.arrays import IntArray


class SortedNgrams(NamedTuple):
    """The n-grams of one order, sorted by (parent, token)."""

    parent: IntArray
    """Node of the n-gram without its last word."""
    token: IntArray
    """Last word."""
    suffix: IntArray
    """Node of the longest listed n-gram that ends this one and is shorter."""
    logprob: NDArray[np.float64]
    """Log P(last word | the words before it), nats."""
    backoff: NDArray[np.float64]
    """Log back-off weights, nats; 0 for what ends in `</s>`, which only a unigram continues: it means `<s>`."""


def link_sections(sections: Sequence[ArpaSection], vocabulary_size: int) -> list[SortedNgrams]:
    """Sort and link all sections. Raises InvalidInput for an unlisted context, or an n-gram listed twice."""
    orders = [_sorted_unigrams(sections[0])]
    keys, suffixes = np.arange(vocabulary_size), np.zeros(1 + vocabulary_size, np.int64)
    for section in sections[1:]:
        ngrams = _sort_section(section, keys, suffixes, vocabulary_size)
        orders.append(ngrams)
        keys = np.concatenate([keys, ngrams.parent * vocabulary_size + ngrams.token])
        suffixes = np.concatenate([suffixes, ngrams.suffix])
    return orders


def unpack_orders(orders: Sequence[SortedNgrams]) -> Iterator[UnpackedOrder]:
    """Yield the orders as a trie is packed of them."""
    begin = 1  # the first node of this order
    for n, ngrams in enumerate(orders, start=1):
        size, longer = len(ngrams.token), orders[n : n + 1]  # the next order, if there is one
        child_counts = [np.bincount(above.parent - begin, minlength=size) for above in longer]
        yield UnpackedOrder(
            ngrams.token,
            ngrams.logprob.astype(np.float32),
            np.cumsum(np.concatenate([[0], *child_counts])) if longer else np.zeros(0, np.int64),
            ngrams.backoff.astype(np.float32) if longer else np.zeros(0, np.float32),
            suffix_closed=n == 1 or bool(np.all(ngrams.suffix >= begin - len(orders[n - 2].token))),
        )
        begin += size


def node_words(orders: Sequence[SortedNgrams], node: int) -> list[int]:
    """Return the token ids of the n-gram at a node."""
    begins = np.cumsum([1, *(len(ngrams.token) for ngrams in orders)])
    reversed_ids: list[int] = []
    while node:
        n = int(np.searchsorted(begins, node, "right")) - 1
        reversed_ids.append(int(orders[n].token[node - begins[n]]))
        node = int(orders[n].parent[node - begins[n]])
    return reversed_ids[::-1]


def _sorted_unigrams(section: ArpaSection) -> SortedNgrams:
    empty_node = np.zeros(len(section.logprob), np.int64)
    return SortedNgrams(empty_node, section.words[:, 0], empty_node, section.logprob, section.backoff)


def _sort_section(section: ArpaSection, keys: IntArray, suffixes: IntArray, size: int) -> SortedNgrams:
    """Sort a section of order 2 or more.

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
    return SortedNgrams(
        parent, token, suffix, section.logprob[rows], np.where(token == EOS, 0.0, section.backoff[rows])
    )


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
