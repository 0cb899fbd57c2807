"""Stop strings over a stream of text: nothing is given out that may turn out to belong to one.

It knows text in pieces; it does not know tokens, nor why else a sequence may end.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Lets text through up to the stop string that is complete first; of two complete at once, the longer counts.

    What has come out in the end does not depend on how the text was cut into pieces.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.matched = False
        """Whether a stop string was complete; nothing comes out any more."""
        self._stops = tuple(stops)
        self._longest = max(map(len, self._stops), default=1)
        self._held_back = ""

    def push(self, piece: str) -> str:
        """The text that is certain now that `piece` has come."""
        if self.matched:
            return ""
        if not self._stops:
            return piece
        text = self._held_back + piece
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        self.matched = bool(ends)
        certain = min(ends)[1] if ends else len(text) - self._partial_match_length(text)
        self._held_back = text[certain:]
        return text[:certain]

    def flush(self) -> str:
        """The text still held back, when no more is to come."""
        text, self._held_back = self._held_back, ""
        return "" if self.matched else text

    def _partial_match_length(self, text: str) -> int:
        """Length of the longest end of `text` that is the beginning of a stop string."""
        sizes = range(min(self._longest - 1, len(text)), 0, -1)
        return next((size for size in sizes if any(stop.startswith(text[-size:]) for stop in self._stops)), 0)
