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
        self.found = False
        """Whether a stop string was complete; nothing comes out any more."""
        self._stops = tuple(stops)
        self._longest = max(map(len, self._stops), default=1)
        self._held = ""

    def push(self, piece: str) -> str:
        """The text that is certain now that `piece` has come."""
        if self.found:
            return ""
        if not self._stops:
            return piece
        text = self._held + piece
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        self.found = bool(ends)
        certain = min(ends)[1] if ends else len(text) - self._may_begin(text)
        self._held = text[certain:]
        return text[:certain]

    def flush(self) -> str:
        """The text still held back, when no more is to come."""
        text, self._held = self._held, ""
        return "" if self.found else text

    def _may_begin(self, text: str) -> int:
        """Length of the longest end of `text` that is the beginning of a stop string."""
        sizes = range(min(self._longest - 1, len(text)), 0, -1)
        return next((size for size in sizes if any(stop.startswith(text[-size:]) for stop in self._stops)), 0)
