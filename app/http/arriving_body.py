"""ArrivingBody: what of a request's body has come, and how long the server has waited for the rest."""

from __future__ import annotations

from app.core.exceptions import BodyStalled
from app.core.settings import Settings


class ArrivingBody:
    """Bytes of one body that have come, and the time in which a route waited for more.

    Time in which nobody waits for it is not the client's: a route may be busy with what has come. Routes note only that
    they wait, and looks at all requests, some a second, measure for how long; so a request costs no clock.
    """

    received = 0
    """Bytes that have come."""
    buffered = 0
    """Those of them that are held in memory until the request ends."""
    awaited = False
    """Whether a route waits for more."""
    is_paced = True
    """Whether the body must come at the least rate: not one that is answered line by line, as it comes."""
    _received_before = 0
    """Bytes that had come at the last look."""
    _idle_seconds = _waited_seconds = 0.0
    """Time waited since the last byte, and in all."""

    def look(self, seconds: float, settings: Settings) -> BodyStalled | None:
        """Count the seconds since the last look, if a route waits; return why the request has to end."""
        if not self.awaited:
            self._idle_seconds = 0.0
            return None
        self._idle_seconds = self._idle_seconds + seconds if self.received == self._received_before else 0.0
        self._received_before = self.received
        self._waited_seconds += seconds
        idle, rate = settings.body_idle_seconds, settings.min_body_rate
        if self._idle_seconds >= idle:
            return BodyStalled(f"nothing more of the body came for {idle:g} seconds; {self.received} bytes had come")
        if self.is_paced and self._waited_seconds >= idle and self.received < rate * self._waited_seconds:
            return BodyStalled(f"the body came with less than {rate} bytes a second; {self.received} bytes had come")
        return None
