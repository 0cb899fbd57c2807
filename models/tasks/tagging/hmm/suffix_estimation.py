"""Estimation of the tags of unknown words from the endings of rare ones (Brants 2000, section 2.3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from models.model import Tensors
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.tagging.hmm.suffixes import EMPTY_KEYS, suffix_keys, to_characters
from models.utils.arrays import Float64Array, Int64Array

_MIN_WORDS = 2
"""Rare words with an ending for it to be listed: one word tells nothing about others."""

_MIN_THETA = 0.01
"""Weight of the next shorter ending, at least, where all tags are as frequent: with none, some would be impossible."""


def estimate_suffixes(settings: HmmTaggerConfig, forms: Sequence[str], tags: Int64Array, tag_count: int) -> Tensors:
    """Return the tensors of a `SuffixTable`, of the forms and tags [N] of all training tokens."""
    counts, words = _count(settings, forms, tags, tag_count)
    prior = np.bincount(tags, minlength=tag_count) / len(tags)
    theta = max(float(np.std(prior, ddof=1)), _MIN_THETA)
    # Every tag has some share of the shortest ending, so that none is impossible.
    shares = {"": 1 + sum((counts[key] for key in EMPTY_KEYS), np.zeros(tag_count))}
    shares[""] /= shares[""].sum()
    for key in sorted(counts, key=len):
        if words[key] >= _MIN_WORDS or key in EMPTY_KEYS:
            shorter = shares[key[0] + key[2:]] if len(key) > 1 else shares[""]
            shares[key] = (counts[key] / max(counts[key].sum(), 1) + theta * shorter) / (1 + theta)
    del shares[""]
    table = np.array(list(shares.values()))
    table /= table.sum(1, keepdims=True)
    best = np.argsort(-table, axis=1, kind="stable")[:, : settings.unknown_tags]
    scores = np.take_along_axis(np.log(table) - np.log(prior), best, 1)
    return {
        "suffix_keys": to_characters(list(shares)),
        "suffix_tags": best.astype(np.int32),
        "suffix_scores": scores.astype(np.float32),
    }


def _count(
    settings: HmmTaggerConfig, forms: Sequence[str], tags: Int64Array, tag_count: int
) -> tuple[dict[str, Float64Array], Counter[str]]:
    """Return by key how often rare words have each tag [K], and how many such words there are."""
    frequencies, pairs = Counter(forms), Counter(zip(forms, tags.tolist(), strict=True))
    counts: dict[str, Float64Array] = defaultdict(lambda: np.zeros(tag_count))
    words: Counter[str] = Counter()
    for key in EMPTY_KEYS:
        counts[key] += 0
    for (form, tag), count in pairs.items():
        if frequencies[form] <= settings.rare_count:
            for key in suffix_keys(form, settings.suffix_length):
                counts[key][tag] += count
    for form, frequency in frequencies.items():
        if frequency <= settings.rare_count:
            words.update(suffix_keys(form, settings.suffix_length))
    return counts, words
