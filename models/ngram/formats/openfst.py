"""OpenFst text of a bigram model, and its table of symbols, as for low-order density ratios (LODR).

The automaton is that of Kaldi's `arpa2fst`: a state for each word read last and one for no context, an arc for each
bigram and each unigram, and from each word's state an arc with the back-off label, which is taken where no other arc
has the next word's label. Weights are -log P in nats, which add up along a path (tropical semiring). `</s>` is no arc
but the weight of ending; the state after `<s>`, the source of the first line, is the start.

A label is a token's id as every route tells it, so that an automaton over the pieces of a tokenizer has that
tokenizer's ids. OpenFst keeps label 0 for the empty word: the back-off label is the number after the largest id, and a
token with id 0 (`<unk>`, where the vocabulary is our own) has the one after that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from models.errors import InvalidInput
from models.kernels.jit import Floats
from models.ngram.backoff_table import BackoffTable
from models.ngram.formats.arpa import ROWS_PER_SLICE
from models.ngram.trie import split_ngrams
from models.ngram.trie_builder import unpack
from models.special_tokens import EOS
from models.utils.arrays import IntArray

EPSILON = "<eps>"
"""Symbol of label 0, the empty word."""
BACKOFF_SYMBOL = "#0"
"""Symbol of the label of back-off arcs."""
MAX_ORDER = 2
"""Length of the longest n-grams of a model that is written as an automaton."""


class Labels(NamedTuple):
    """Labels of arcs."""

    tokens: IntArray
    """[V] label of each token, by id inside the model."""
    backoff: int
    """Label of back-off arcs."""

    @classmethod
    def of(cls, public_ids: IntArray) -> Labels:
        """Return the labels of tokens that routes tell by `public_ids` [V]."""
        backoff = int(public_ids.max()) + 1
        labels = np.asarray(public_ids, np.int64).copy()
        without = np.flatnonzero(labels <= 0)
        labels[without] = backoff + 1 + np.arange(len(without))
        return cls(labels, backoff)


def check_order(order: int) -> None:
    """Raise InvalidInput for a model whose n-grams are longer than bigrams."""
    if order > MAX_ORDER:
        raise InvalidInput("format", f"openfst is for bigrams, and this model has order {order}: train one of order 2")


def format_openfst(table: BackoffTable, labels: Labels) -> Iterator[str]:
    """Yield lines `source target label label weight` and `state weight`, many at a time.

    A token without probability has no arc. Raises InvalidInput as `check_order` does.
    """
    check_order(table.order)
    return join_lines(_arcs(table, labels))


def check_symbols(vocabulary: Sequence[str]) -> None:
    """Raise InvalidInput for a word that is the name of another label."""
    if twice := {EPSILON, BACKOFF_SYMBOL}.intersection(vocabulary):
        raise InvalidInput("vocabulary", f"{min(twice)!r} is a word of the model, and the name of another label here")


def format_symbols(vocabulary: Sequence[str], labels: Labels) -> Iterator[str]:
    """Yield the lines of the table of symbols, `symbol label`, by label, many at a time."""
    symbols = [(0, EPSILON), (labels.backoff, BACKOFF_SYMBOL)]
    symbols += zip(labels.tokens.tolist(), vocabulary, strict=True)
    return join_lines(f"{symbol}\t{label}\n" for label, symbol in sorted(symbols))


def join_lines(lines: Iterator[str]) -> Iterator[str]:
    """Yield `lines`, ROWS_PER_SLICE of them joined at a time."""
    while piece := "".join(islice(lines, ROWS_PER_SLICE)):
        yield piece


def _arcs(table: BackoffTable, labels: Labels) -> Iterator[str]:
    """Yield the lines of the automaton, the start's back-off arc first."""
    unigrams = unpack(table.trie, 1, 0, table.vocabulary_size)
    words, no_context = np.arange(table.vocabulary_size), table.vocabulary_size  # the state after all words' own
    sources = np.full(len(words), no_context)
    if table.order == 1:
        yield from _ngram_arcs(sources, words, sources, unigrams.logprob, labels)
        return
    backoffs = unigrams.backoff.tolist()
    yield f"{EOS}\t{no_context}\t{labels.backoff}\t0\t{_weight(backoffs[EOS])}\n"
    for word, backoff in enumerate(backoffs):
        if word != EOS and backoff > -np.inf:
            yield f"{word}\t{no_context}\t{labels.backoff}\t0\t{_weight(backoff)}\n"
    for begin in range(0, table.order_sizes[1], ROWS_PER_SLICE):
        places = np.arange(begin, min(begin + ROWS_PER_SLICE, table.order_sizes[1]))
        contexts, lasts = np.empty_like(places), np.empty_like(places)
        split_ngrams(table.trie, 2, places, contexts, lasts)
        bigrams = unpack(table.trie, 2, begin, begin + len(places))
        yield from _ngram_arcs(contexts, lasts, lasts, bigrams.logprob, labels)
    yield from _ngram_arcs(sources, words, words, unigrams.logprob, labels)


def _ngram_arcs(
    sources: IntArray, words: IntArray, targets: IntArray, logprobs: Floats, labels: Labels
) -> Iterator[str]:
    """Yield the arcs of n-grams, those of `</s>` as weights of ending."""
    columns = (sources, words, targets, labels.tokens[words], logprobs)
    for source, word, target, label, logprob in zip(*(column.tolist() for column in columns), strict=True):
        if logprob > -np.inf:
            arc = "" if word == EOS else f"\t{target}\t{label}\t{label}"
            yield f"{source}{arc}\t{_weight(logprob)}\n"


def _weight(logprob: float) -> str:
    """Return -log P as OpenFst reads it, which calls an infinite weight `Infinity`."""
    return "Infinity" if logprob == -np.inf else f"{0.0 - logprob:.7g}"
