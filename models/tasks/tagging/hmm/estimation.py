"""Estimation of a hidden Markov model of tags and words by counting, after TnT (Brants 2000)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from models.errors import InvalidInput
from models.model import Tensors
from models.special_tokens import UNK
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.tagging.hmm.model import HmmTagger
from models.tasks.tagging.hmm.suffix_estimation import estimate_suffixes
from models.tasks.tagging.texts import TaggedTexts
from models.utils.arrays import Float64Array, Int64Array

_MAX_TRANSITIONS = 20_000_000
"""Numbers in the table of transitions, at most: 80 MB."""


def estimate_hmm(
    settings: HmmTaggerConfig, tags: Sequence[str], examples: TaggedTexts, vocabulary_size: int
) -> HmmTagger:
    """Count tags and words of tagged sentences. Raises InvalidInput where there are too many tags."""
    if (len(tags) + 1) ** settings.order > _MAX_TRANSITIONS:
        raise InvalidInput("order", f"{settings.order} takes too much memory with {len(tags)} tags; 2 is accepted")
    rows = examples.numbers(tags)
    words, word_tags = np.concatenate([text.ids for text in examples.texts]), np.concatenate(rows)
    forms = list(chain.from_iterable(text.forms for text in examples.texts))
    tensors = {"transitions": np.log(transition_probabilities(rows, len(tags), settings.order)).astype(np.float32)}
    tensors |= _lexicon(words, word_tags, vocabulary_size)
    tensors |= estimate_suffixes(settings, forms, word_tags, len(tags))
    return HmmTagger(settings, tags, vocabulary_size, tensors)


def transition_probabilities(rows: Sequence[Int64Array], tags: int, order: int) -> Float64Array:
    """Return P(tag | the order - 1 tags before) [K + 1, ...], K standing for the boundary of a sentence.

    Relative frequencies after all, one and no tags before are mixed, with weights by deleted interpolation (Brants
    2000, figure 1). Where tags never stood before another, the frequencies after the shorter context take the place.
    """
    padded = [np.concatenate([[tags] * (order - 1), row, [tags]]) for row in rows]
    windows = np.concatenate([np.lib.stride_tricks.sliding_window_view(row, order) for row in padded])
    counts = np.zeros((tags + 1,) * order)
    np.add.at(counts, tuple(windows.T), 1)
    by_length = [counts.sum(tuple(range(order - n))) for n in range(1, order + 1)]
    mixed, estimate = np.zeros_like(counts), np.zeros(1)
    for weight, count in zip(_interpolation_weights(by_length), by_length, strict=True):
        totals = count.sum(-1, keepdims=True)
        estimate = np.where(totals > 0, count / np.maximum(totals, 1), estimate)
        mixed = mixed + weight * estimate
    return mixed


def _interpolation_weights(by_length: Sequence[Float64Array]) -> Float64Array:
    """Return the weights of frequencies after 0, 1, ... tags, given the counts of 1, 2, ... tags in a row.

    Each sequence that occurs votes, as often as it does, for the length that predicts its last tag best when it is
    taken out of the counts. One vote more for each length keeps every transition possible.
    """
    grams = np.nonzero(by_length[-1])
    predictions = []
    for n, counts in enumerate(by_length, 1):
        totals = counts.sum(-1)[grams[-n:-1]] if n > 1 else counts.sum()
        others = np.maximum(totals - 1, 1)  # 0 / 0 counts as 0
        predictions.append((counts[grams[-n:]] - 1) / others)
    best = np.argmax(predictions, 0)
    votes = 1 + np.bincount(best, by_length[-1][grams], minlength=len(by_length))
    weights: Float64Array = votes / votes.sum()
    return weights


def _lexicon(words: Int64Array, tags: Int64Array, vocabulary_size: int) -> Tensors:
    """Return the tags that each known word occurs with, and log P(word | tag), its relative frequency."""
    tag_counts = np.bincount(tags)
    known = words != UNK
    (found, found_tags), counts = np.unique(np.stack([words[known], tags[known]]), axis=1, return_counts=True)
    return {
        "word_begins": np.searchsorted(found, np.arange(vocabulary_size + 1)).astype(np.int64),
        "word_tags": found_tags.astype(np.int32),
        "word_scores": np.log(counts / tag_counts[found_tags]).astype(np.float32),
    }
