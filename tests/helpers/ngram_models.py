"""An n-gram model of random ids and the contexts of its states, for tests of queries."""

from __future__ import annotations

import numpy as np

from models.ngram.config import NgramConfig, Smoothing
from models.ngram.model import NgramModel
from models.ngram.trie import find_child
from tests.helpers.estimation import estimate_model

SIZE = 30


def model(smoothing: Smoothing = "kneser_ney", order: int = 4) -> NgramModel:
    lines = np.random.default_rng(5).integers(2, 20, (60, 12)).tolist()
    return estimate_model(lines, NgramConfig(order, smoothing), SIZE)


def path_of(subject: NgramModel, words: list[int]) -> list[int]:
    """Where each of the last words, as many as can be a context, are listed; -1 where they are not."""
    places = []
    for n in range(1, subject.table.order):
        place = -1 if n > len(words) else words[-n]
        for m, word in enumerate(words[len(words) - n + 1 :], start=1):
            place = find_child(subject.table.trie, m, place, word) if place >= 0 else -1
        places.append(place)
    return places
