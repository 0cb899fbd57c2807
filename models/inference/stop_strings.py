"""Stop strings in a stream of text: no text is let through that may turn out to belong to one."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Filter that lets text through up to the first complete stop string.

    Of two that are complete at once, the longer counts. The result does not depend on how the text was cut into pieces.

    >>> stops = StopStrings(["the end"])
    >>> stops.push("This is the"), stops.push(" end."), stops.matched
    ('This is ', '', True)
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.matched = False
        """Whether a stop string was complete; no more text is let through."""
        self._stops = tuple(stops)
        self._by_first: dict[str, list[str]] = {}
        for stop in self._stops:
            self._by_first.setdefault(stop[0], []).append(stop)
        self._longest = max(map(len, self._stops), default=1)
        self._held_back = ""

    def push(self, piece: str) -> str:
        """Append `piece` and return the text that is certain now."""
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
        """Return the text still held back, when no more is to come."""
        text, self._held_back = self._held_back, ""
        return "" if self.matched else text

    def _partial_match_length(self, text: str) -> int:
        """Return the length of the longest end of `text` that is the beginning of a stop string."""
        sizes = range(min(self._longest - 1, len(text)), 0, -1)
        return next((size for size in sizes if self._begins_stop(text[-size:])), 0)

    def _begins_stop(self, end: str) -> bool:
        """Return whether a stop string begins with the end of a text; only those of its first character may."""
        return any(stop.startswith(end) for stop in self._by_first.get(end[0], ()))
