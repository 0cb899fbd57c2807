"""Extensions of hypotheses by one token, and the ranking and the sum of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.inference.typing.hypotheses import Hypotheses
from models.inference.typing.keystrokes import Matches
from models.model import Floats
from models.utils.arrays import Float64Array, Int64Array


class Extensions(NamedTuple):
    """Hypotheses with one more token each, M in all: the row extended, the token, fields of `Hypotheses`."""

    parents: Int64Array
    tokens: Int64Array
    logprobs: Float64Array
    weights: Float64Array
    positions: Int64Array
    words: Int64Array

    @property
    def scores(self) -> Float64Array:
        """Log P and weight [M] in nats."""
        return self.logprobs + self.weights

    def keep(self, places: Int64Array) -> Extensions:
        """Return some of the extensions."""
        return Extensions(
            self.parents[places],
            self.tokens[places],
            self.logprobs[places],
            self.weights[places],
            self.positions[places],
            self.words[places],
        )


def combine(hypotheses: Hypotheses, members: Int64Array, rows: Floats, matches: Matches, new_words: int) -> Extensions:
    """Return the rows `members` with each of the matching tokens."""
    size = len(matches.tokens)
    parents = np.repeat(members, size)
    tokens = np.tile(matches.tokens, len(members))
    return Extensions(
        parents,
        tokens,
        hypotheses.logprobs[parents] + rows[parents, tokens],
        hypotheses.weights[parents] + np.tile(matches.weights, len(members)),
        np.tile(matches.positions, len(members)),
        hypotheses.words[parents] + new_words,
    )


def join(parts: Sequence[Extensions]) -> Extensions:
    """Return the extensions of all parts."""
    return parts[0] if len(parts) == 1 else Extensions(*map(np.concatenate, zip(*parts, strict=True)))


def largest(scores: Float64Array, count: int) -> Int64Array:
    """Return the places of the `count` largest scores that are above -inf, largest first, ties in order."""
    places = np.flatnonzero(scores > -np.inf)
    if len(places) > count:
        least = np.partition(scores[places], len(places) - count)[len(places) - count]
        places = places[scores[places] >= least]
    return places[np.argsort(-scores[places], kind="stable")][:count]


def log_sum(scores: Float64Array) -> float:
    """Return log sum exp of scores, -inf for none; faster than NumPy's `logaddexp.reduce` for many."""
    highest = float(scores.max(initial=-np.inf))
    return highest if np.isneginf(highest) else highest + float(np.log(np.exp(scores - highest).sum()))
