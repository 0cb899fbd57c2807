"""Keystrokes as a weighted automaton over the bytes of tokens: `KeystrokeAutomaton`.

Its positions are the keystrokes; a letter that may have been meant by one leads to the next and weighs
log P(key | letter). A prefix that is certain has one letter a keystroke, of weight 0. So the weight of a word is
log P(keys | word) (the channel of a noisy keyboard: Goodman, Venolia, Steury and Parker 2002), and letters behind the
last key are free. All tokens are read side by side, a byte at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from models.inference.typing.query import Keystroke
from models.tokenization.continuations.spelling_table import SpellingTable
from models.utils.arrays import BoolArray, Float64Array, Int64Array

DEAD = 0
"""Position of what does not match."""
DONE = 1
"""Position of a word that matches all keystrokes and may go on."""
WORD_END = 2
"""Position of a word that is whole: only a blank and another word may follow."""
FIRST = 3
"""Position where a word begins, behind its blank, with nothing typed."""
_TYPED = 4
"""Position of the first keystroke."""


def _untyped_positions(*, has_blanks: bool) -> Int64Array:
    """Return the next position [4, 256] of each byte where nothing typed is left to match."""
    following = np.zeros((_TYPED, 256), np.int64)
    following[[DONE, FIRST]] = DONE
    if has_blanks:
        following[:, list(b" \t\n\v\f\r")] = DEAD
        following[WORD_END, ord(" ")] = FIRST
    else:
        following[WORD_END] = DONE
    return following


_WITH_BLANKS, _WITHOUT_BLANKS = _untyped_positions(has_blanks=True), _untyped_positions(has_blanks=False)


class Matches(NamedTuple):
    """Tokens that fit at a position, with the position behind each and the weight of its letters, in nats."""

    tokens: Int64Array
    positions: Int64Array
    weights: Float64Array

    def keep(self, mask: BoolArray) -> Matches:
        """Return the matches that `mask` [M] marks."""
        return Matches(self.tokens[mask], self.positions[mask], self.weights[mask])


class KeystrokeAutomaton:
    """Positions in what was typed, and the bytes that lead from one to another.

    >>> automaton = KeystrokeAutomaton([{"q": 1.0}, {"u": 0.9, "i": 0.1}])
    >>> round(automaton.weigh(b"queen"), 2), automaton.weigh(b"q"), automaton.weigh(b"that")
    (-0.11, None, None)
    """

    def __init__(
        self, keystrokes: Sequence[Keystroke], *, has_blanks: bool = False, begins_with_blank: bool = False
    ) -> None:
        """Build the automaton.

        has_blanks: whether the tokens of words bring the blank before a word along.
        begins_with_blank: whether one stands before the word that is typed.
        """
        self._has_blanks = has_blanks
        self._edges: dict[tuple[int, int], tuple[int, float]] = {}
        self._count = _TYPED
        first = self._add_keystrokes(keystrokes) if keystrokes else FIRST if has_blanks else DONE
        self.start = first
        if begins_with_blank:
            self.start = self._add_position()
            self._edges[self.start, ord(" ")] = first, 0.0
        self._next = np.zeros((self._count, 256), np.int64)
        self._weights = np.zeros((self._count, 256))
        self._next[:_TYPED] = _WITH_BLANKS if has_blanks else _WITHOUT_BLANKS
        for (position, byte), (end, weight) in self._edges.items():
            self._next[position, byte], self._weights[position, byte] = end, weight
        self._matches: dict[int, Matches] = {}

    def weigh(self, spelling: bytes) -> float | None:
        """Return log P(keys | word) of the bytes of a word, None where it does not match all keystrokes."""
        position, weight = self.start, 0.0
        for byte in spelling:
            weight += float(self._weights[position, byte])
            position = int(self._next[position, byte])
        return weight if position == DONE else None

    def read(self, table: SpellingTable, position: int) -> Matches:
        """Return the tokens that fit from `position` on."""
        if position not in self._matches:
            self._matches[position] = self._read(table, position)
        return self._matches[position]

    def _read(self, table: SpellingTable, position: int) -> Matches:
        tokens = table.spellable
        if position == DONE and not self._has_blanks:
            return Matches(tokens, np.full(len(tokens), DONE), np.zeros(len(tokens)))
        first = table.columns[0, tokens]
        alive = np.flatnonzero(self._next[position, first])
        tokens, first = tokens[alive], first[alive]
        places, weights = self._next[position, first], self._weights[position, first]
        for column in range(1, len(table.columns)):
            unread = np.flatnonzero((places != DONE) & (table.lengths[tokens] > column))
            if not len(unread):
                break
            read = table.columns[column, tokens[unread]]
            weights[unread] += self._weights[places[unread], read]
            places[unread] = self._next[places[unread], read]
            alive = np.flatnonzero(places)
            tokens, places, weights = tokens[alive], places[alive], weights[alive]
        return Matches(tokens, places, weights)

    def _add_position(self) -> int:
        self._count += 1
        return self._count - 1

    def _add_keystrokes(self, keystrokes: Sequence[Keystroke]) -> int:
        """Add positions of keystrokes, and of beginnings of letters of several bytes; return the first."""
        positions = [*(self._add_position() for _ in keystrokes), DONE]
        for (position, end), keystroke in zip(pairwise(positions), keystrokes, strict=True):
            for letter, probability in keystroke.items():
                if probability > 0:
                    self._add_letter(position, end, letter.encode(), math.log(probability))
        return positions[0]

    def _add_letter(self, position: int, end: int, letter: bytes, weight: float) -> None:
        for byte in letter[:-1]:
            if (position, byte) not in self._edges:
                self._edges[position, byte] = self._add_position(), 0.0
            position, _ = self._edges[position, byte]
        self._edges[position, letter[-1]] = end, weight


def certain_keystrokes(prefix: str) -> list[Mapping[str, float]]:
    """Return the keystrokes of letters that are certain."""
    return [{letter: 1.0} for letter in prefix]


def in_both_cases(keystroke: Keystroke) -> Keystroke:
    """Return a keystroke whose letters may be meant in either case, each as probable as the likelier one.

    >>> in_both_cases({"i": 0.5, "I": 0.25})
    {'i': 0.5, 'I': 0.5}
    """
    cases: dict[str, float] = {}
    for letter, probability in keystroke.items():
        for form in dict.fromkeys((letter, letter.lower(), letter.upper())):
            if form == letter or len(form) == 1:
                cases[form] = max(probability, cases.get(form, 0.0))
    return cases
