"""OpenConnections: a bound on the connections of a server process, and on how long they may wait.

A connection stands still while it awaits the head of a request, more of a body, or that its client reads the rest of an
answer. Once a second a look at all of them ends those that have awaited the same head, or reader, for too long; bodies
have a time of their own (`ArrivingBody`). So nothing has to be noted for each request. Where there is no room for
another connection, those that have stood still the longest make room.
"""

from __future__ import annotations

import asyncio
import heapq
import resource
from typing import Protocol

from app.core.background import BackgroundTasks
from app.core.settings import Settings

LOOK_SECONDS = 1.0
"""Time between two looks."""
OTHER_DESCRIPTORS = 256
"""Descriptors for all else than connections and their uploads: models, the database, the log."""
DESCRIPTORS_PER_CONNECTION = 2
"""A socket, and a file where it uploads one."""
SMALLEST_LIMIT = 16
"""Connections that there may be however low the limit of descriptors is."""
EVICTED_SHARE = 64
"""One connection in so many makes room when there is none, as finding them means a look at all."""


class Connection(Protocol):
    """A connection, as far as it matters here."""

    awaited_since: float
    """Time of the event loop at which `awaited` was first seen."""
    awaited: object
    """What the connection waited for at the last look."""

    def awaits(self) -> object:
        """Return what the client has to do next, the same until it does; None if it is our turn.

        Bytes that have come, or that have yet to be read, are a number, all else an object.
        """

    def end(self) -> None:
        """End the connection, whose client has done nothing for too long."""

    def evict(self) -> None:
        """End the connection, which stands still, at once."""

    def refuse(self) -> None:
        """End the connection, which is new, as there is no room for it."""


class OpenConnections:
    """Set of the connections of a server process; used in the event loop's thread only."""

    def __init__(self, limit: int, seconds: float, background: BackgroundTasks | None = None) -> None:
        """Hold at most `limit` connections, and end those that await the same thing for so many seconds."""
        self.limit = limit
        self._seconds = seconds
        self._connections: set[Connection] = set()
        self._background = background or BackgroundTasks()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Number of connections."""
        return len(self._connections)

    def add(self, connection: Connection) -> None:
        """Take a new connection in, or refuse it."""
        if len(self._connections) >= self.limit and not self._make_room():
            connection.refuse()
            return
        loop = asyncio.get_running_loop()
        connection.awaited, connection.awaited_since = connection.awaits(), loop.time()
        self._connections.add(connection)
        if self._timer is None:
            self._timer = loop.call_later(self._pause, self._look_and_go_on)

    def discard(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._connections.discard(connection)

    @property
    def _pause(self) -> float:
        return min(LOOK_SECONDS, self._seconds / 4)

    def _look_and_go_on(self) -> None:
        pause = self._background.attempt("connections", self._look, self._pause)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(pause, self._look_and_go_on) if self._connections else None

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            try:
                self._look_at(connection, now)
            except Exception as error:  # which must not keep the others from being looked at
                self._connections.discard(connection)
                self._background.record("connections", error)

    def _look_at(self, connection: Connection, now: float) -> None:
        awaited = connection.awaits()
        if not _is_same(awaited, connection.awaited):
            connection.awaited, connection.awaited_since = awaited, now
        elif awaited is not None and now - connection.awaited_since >= self._seconds:
            connection.end()

    def _make_room(self) -> bool:
        """End the connections that have stood still the longest; return whether there were any."""
        still = [connection for connection in self._connections if _stands_still(connection)]
        share = max(1, self.limit // EVICTED_SHARE)
        evicted = heapq.nsmallest(share, still, key=lambda connection: connection.awaited_since)
        for connection in evicted:
            self._connections.discard(connection)
            connection.evict()
        return bool(evicted)


def _stands_still(connection: Connection) -> bool:
    """Return whether a connection has awaited the same since the last look."""
    awaited = connection.awaits()
    return awaited is not None and _is_same(awaited, connection.awaited)


def _is_same(awaited: object, before: object) -> bool:
    """Return whether two awaited things are one: numbers of bytes by value, others by identity."""
    return awaited is before or (isinstance(awaited, int) and awaited == before)


def raise_descriptor_limit(settings: Settings) -> None:
    """Raise this process's limit of descriptors as far as the settings need it and the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_PER_CONNECTION * settings.max_connections + OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))


def connection_limit(settings: Settings) -> int:
    """Return how many connections there may be: as the settings say, or fewer where descriptors are few."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return settings.max_connections
    room = max((soft - OTHER_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION, soft // 4, SMALLEST_LIMIT)
    return min(settings.max_connections, room)
