"""Who is in: the requests under way, how many there may be, and how all of them are sent away.

It counts requests and the bytes of their bodies before any of them is read, and gives each a ticket. It knows no
models and no ASGI.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.core.settings import Settings
from app.http.error_responses import Overloaded, Stopping
from app.middleware.in_flight import Ticket


class Reception:
    """Used in the event loop's thread only."""

    def __init__(self, settings: Settings) -> None:
        self.stopping = False
        """Whether nobody is let in any more."""
        self.bytes = 0
        self._settings = settings
        self._tickets: set[Ticket] = set()

    def __len__(self) -> int:
        """How many requests are under way."""
        return len(self._tickets)

    @contextmanager
    def enter(self, seconds: float, body: int) -> Iterator[Ticket]:
        """A request that may take so long, and keeps so many bytes of its body. Raises Stopping or Overloaded."""
        self._check(body)
        ticket = Ticket(seconds)
        self._tickets.add(ticket)
        self.bytes += body
        try:
            yield ticket
        finally:
            self._tickets.discard(ticket)
            self.bytes -= body

    def _check(self, body: int) -> None:
        if self.stopping:
            raise Stopping("the server is going down and takes nothing new", self._settings.stop_seconds)
        if len(self._tickets) >= self._settings.max_requests:
            raise Overloaded(f"{len(self._tickets)} requests are under way, and no more are taken on")
        if self.bytes and self.bytes + body > self._settings.max_pending_bytes:
            raise Overloaded(f"the requests under way hold {self.bytes} bytes; {body} more are too many now")

    def stop(self) -> None:
        """Let nobody in, and have those who are in done within the time that the settings give them."""
        self.stopping = True
        seconds = self._settings.stop_seconds
        for ticket in self._tickets:
            ticket.cut(seconds, Stopping("the server is going down, and had no time to finish this", seconds))
