"""Exchange between ranges of first words: n-grams of one range have their suffixes in another.

The suffix of (w1 w2 ... wn) lies in the range of w2. `second_words` tells that range of each n-gram; `links_into` finds
the suffixes of those that have them in one range. A range so counts what stands before each of its n-grams, and hands
down to the others what they need of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.errors import InvalidInput
from models.ngram.counting.counts import count_rows
from models.ngram.counting.first_words import RangeCounts, RangeLevel
from models.ngram.counting.linking import find_children
from models.special_tokens import EOS
from models.utils.arrays import IntArray
from models.utils.parallel import context_ranges
from models.utils.scratch import Scratch


def second_words(counts: RangeCounts, cuts: Sequence[int], scratch: Scratch) -> list[IntArray]:
    """Return, per order from 2, the range, from 0, in which the second word of each n-gram lies [rows].

    `cuts` [ranges + 1] are the first words of the ranges, and the size of the vocabulary.
    """
    owners: list[IntArray] = []
    for level in counts.levels:
        own: IntArray = scratch.empty(len(level.token), np.int16)
        if not owners:
            for part in scratch.slices(len(own)):
                own[part] = np.searchsorted(cuts[:-1], level.token[part], "right") - 1
        else:
            for begin, end in context_ranges(level.child_offsets):
                offsets = level.child_offsets[begin : end + 1]
                own[offsets[0] : offsets[-1]] = np.repeat(owners[-1][begin:end], np.diff(offsets))
                scratch.trim()
        owners.append(own)
    return owners


def links_into(
    target: RangeCounts, number: int, source: RangeCounts, owners: Sequence[IntArray], scratch: Scratch
) -> list[IntArray]:
    """Return, per order from 2, the suffixes of the n-grams of `source` that have them in `target`.

    They are in the order of the n-grams. A suffix is a row of `target` one order below, and of bigrams a word counted
    from its first; `owners` are the ranges of the second words of `source`, and `number` that of `target`. Raises
    InvalidInput where a suffix is missing.
    """
    links: list[IntArray] = []
    for index, level in enumerate(source.levels):
        rows = owners[index] == number
        token = _select(level.token, rows, scratch)
        if index == 0:
            for part in scratch.slices(len(token)):
                token[part] -= target.first_word
            links.append(token)
            continue
        offsets = _selected_offsets(level, owners[index - 1] == number, scratch)
        below, suffix = target.levels[index - 1], scratch.empty(len(token), np.int64)
        for begin, end in context_ranges(offsets):
            columns = links[-1], below.child_offsets, below.token, suffix
            if not find_children(offsets, token, *columns, begin, end):
                raise InvalidInput("counts", "must belong together: an n-gram occurs, and what remains of it does not")
            scratch.trim()
        links.append(suffix)
    return links


def _select(values: IntArray, rows: IntArray, scratch: Scratch) -> IntArray:
    """Return the values of some rows, in 64 bits."""
    selected = scratch.growing(np.int64)
    for part in scratch.slices(len(values)):
        selected.append(values[part][rows[part]])
    return selected.finish()


def _selected_offsets(level: RangeLevel, contexts: IntArray, scratch: Scratch) -> IntArray:
    """Return the child offsets of some contexts among the n-grams of these alone."""
    offsets, end = scratch.growing(np.int64), 0
    offsets.append(np.zeros(1, np.int64))
    for part in scratch.slices(len(contexts)):
        sizes = np.diff(level.child_offsets[part.start : part.stop + 1])[contexts[part]]
        offsets.append(end + np.cumsum(sizes))
        end += int(sizes.sum())
    return offsets.finish()


def add_occurrences(links: Sequence[IntArray], totals: Sequence[IntArray], scratch: Scratch) -> None:
    """Add to `totals`, per order from 1, how often each row is the suffix of a linked n-gram."""
    for rows, total in zip(links, totals, strict=False):
        found = count_rows(rows, len(total), total.dtype, scratch)
        for part in scratch.slices(len(total)):
            total[part] += found[part]


def keep_boundary_counts(counts: RangeCounts, totals: Sequence[IntArray]) -> None:
    """Replace the continuation counts of n-grams that begin at the boundary by their occurrences."""
    word = EOS - counts.first_word
    if not 0 <= word < len(counts.unigrams):
        return
    begin, end = word, word + 1
    for level, total in zip(counts.levels, totals[1:], strict=False):
        begin, end = int(level.child_offsets[begin]), int(level.child_offsets[end])
        total[begin:end] = level.occurrences[begin:end]
