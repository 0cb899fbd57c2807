"""Hypotheses of a search for words: beginnings that are still open, and the completions found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self, TypeAlias

import numpy as np

from models.state import State, concat, row_count, select
from models.utils.arrays import Float64Array, Int64Array

Tokens: TypeAlias = tuple[int, ...]
NOT_OWN = -1
"""Number in the place of a user's own word where there is none."""


class Hypotheses(NamedTuple):
    """Beginnings of completions, B rows.

    state: the model's state after the tokens, B rows.
    tokens: [B] ids read behind the left context.
    heads: [B] how many of them belong to the first word.
    logprobs: [B] log P(tokens | left context), nats.
    weights: [B] nats of the keystrokes read, and of the user's own words.
    positions: [B] place in the keystrokes.
    words: [B] words that are whole.
    own: [B] number of the user's own word that the completion begins with; NOT_OWN for none.
    """

    state: State
    tokens: Sequence[Tokens]
    heads: Int64Array
    logprobs: Float64Array
    weights: Float64Array
    positions: Int64Array
    words: Int64Array
    own: Int64Array

    @classmethod
    def begin(cls, state: State, position: int, logprob: float) -> Self:
        """Return the one hypothesis that no token was read."""
        zero = np.zeros(1, np.int64)
        return cls(state, [()], zero, np.array([logprob]), np.zeros(1), np.array([position]), zero, zero + NOT_OWN)

    def __add__(self, other: tuple[object, ...]) -> Hypotheses:
        """Return these rows and those of `other`."""
        assert isinstance(other, Hypotheses)
        return Hypotheses(
            concat([self.state, other.state]),
            [*self.tokens, *other.tokens],
            np.concatenate([self.heads, other.heads]),
            np.concatenate([self.logprobs, other.logprobs]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.words, other.words]),
            np.concatenate([self.own, other.own]),
        )

    def part(self, begin: int, end: int) -> Hypotheses:
        """Return the rows from `begin` to `end`."""
        if begin == 0 and end >= self.size:
            return self
        part = slice(begin, end)
        return Hypotheses(
            select(self.state, range(self.size)[part]),
            self.tokens[part],
            self.heads[part],
            self.logprobs[part],
            self.weights[part],
            self.positions[part],
            self.words[part],
            self.own[part],
        )

    @property
    def size(self) -> int:
        """Count of the rows."""
        return row_count(self.state)


class Candidate(NamedTuple):
    """A completion that was found: its tokens, those of its first word, and its figures in nats."""

    tokens: Tokens
    head: int
    logprob: float
    """Log P(completion | left context)."""
    score: float
    """`logprob` and the weights of keystrokes, own words and right context."""
    ends_line: bool = False
    own: int = NOT_OWN
    """Number of the user's own word that it begins with."""


class Findings:
    """The best completions found, and the sum over all of them."""

    def __init__(self, size: int) -> None:
        """Keep at most `size` of them."""
        self._size = size
        self.candidates: list[Candidate] = []
        self.total = -np.inf
        self.count = 0

    @property
    def threshold(self) -> float:
        """Score that a completion must exceed to be among the best."""
        return self.candidates[-1].score if len(self.candidates) == self._size else -np.inf

    def add(self, candidates: Sequence[Candidate], total: float, count: int) -> None:
        """Add the best of `count` completions, whose probabilities with their weights sum to exp(total)."""
        self.total = float(np.logaddexp(self.total, total))
        self.count += count
        merged = [*self.candidates, *candidates]
        merged.sort(key=lambda candidate: -candidate.score)
        self.candidates = merged[: self._size]

    def add_all(self, candidates: Sequence[Candidate]) -> None:
        """Add completions that are few, but for those that are impossible."""
        possible = [candidate for candidate in candidates if candidate.score > -np.inf]
        if possible:
            scores = [candidate.score for candidate in possible]
            self.add(possible, float(np.logaddexp.reduce(scores)), len(possible))
