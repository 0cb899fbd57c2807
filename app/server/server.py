"""Server: one process that serves the application behind uvicorn, on a socket that listens already.

A stop signal makes the server not ready at once, so that a load balancer sends no more; after the time that it may take
to see that, requests under way may finish within another. The server listens all the while, and refuses new requests in
the second of the two times.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from functools import partial
from types import FrameType
from typing import Any

import click
import uvicorn
from fastapi import FastAPI

from app.core.process_tuning import tune_server
from app.core.settings import Settings
from app.main import create_app
from app.middleware.access import lets_in
from app.server.open_connections import OpenConnections, connection_limit, raise_descriptor_limit

logger = logging.getLogger(__name__)
CLOSE_SECONDS = 2.0
"""Time to answer the last requests and close connections once their deadline has passed."""
ANSWER_HEADERS = [("x-content-type-options", "nosniff")]
"""Headers of every answer: a browser must not take an uploaded text for a page. Pages have more of their own."""
ACCEPTS_PER_TURN = 32
"""New connections taken per turn of the event loop, which takes one for each listening socket that it knows. Under
load, turns are long, and with one per turn clients would wait for seconds even to be refused."""
SHARED_ACCEPTS_PER_TURN = 4
"""The same where several servers share a socket: each leaves most of the connections to the others."""


def uvicorn_config(app: FastAPI, **arguments: Any) -> uvicorn.Config:
    """Return how uvicorn serves `app`, which `create_app` made."""
    log: dict[str, Any] = {"log_config": None, "access_log": False}  # each request has a line of ours
    return uvicorn.Config(app, http=http_protocol(app), ws="none", headers=ANSWER_HEADERS, **log, **arguments)


def http_protocol(app: FastAPI) -> Any:
    """Return our protocol, or "auto" for uvicorn's own where uvicorn is not one that it can extend."""
    try:
        # Here, because a new uvicorn may lack what they import.
        from app.server import early_reject, guarded_protocol, known_heads

        missing = early_reject.missing_internals()
    except ImportError as error:
        missing = [str(error)]
    if missing:
        logger.warning("uvicorn %s is unknown to early_reject (%s): it is off", uvicorn.__version__, ", ".join(missing))
        return "auto"
    state = app.state
    limit, seconds = connection_limit(state.settings), state.settings.head_seconds
    connections = OpenConnections(limit, seconds, state.background)
    if not state.settings.early_reject:
        return partial(guarded_protocol.GuardedHttpProtocol, connections)
    may_ask = partial(lets_in, state.stores.keys)
    rejector = early_reject.EarlyRejector(state.in_flight, state.metrics, state.find_queue, may_ask)
    return partial(known_heads.KnownHeadsProtocol, known_heads.KnownHeads(), rejector, connections)


class Server(uvicorn.Server):
    """A server that finishes its requests at SIGINT or SIGTERM, and ends at once at a second one."""

    def __init__(self, settings: Settings, banner: str = "") -> None:
        """`banner` is printed when the server has started."""
        raise_descriptor_limit(settings)
        app = create_app(settings)
        super().__init__(uvicorn_config(app, timeout_graceful_shutdown=int(CLOSE_SECONDS)))
        self._banner = banner
        self._in_flight = app.state.in_flight
        self._stop_following = app.state.stopping
        self._drain_seconds, self._stop_seconds = settings.drain_seconds, settings.stop_seconds
        self._signals: set[int] = set()
        self._stops_at = self._deadline = 0.0

    def serve_on(self, listener: socket.socket, accepts_per_turn: int = ACCEPTS_PER_TURN) -> None:
        """Serve until a signal."""
        # Before uvicorn handles signals, and after, one ends this process at once.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        tune_server()
        # Duplicates inherit the mode; one that blocks would stop all servers that share it.
        listener.setblocking(False)
        self.run([listener.dup() for _ in range(accepts_per_turn)])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen and print the banner."""
        await super().startup(sockets)
        if self.started and self._banner:
            click.echo(self._banner)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a stop signal; a second one of the same kind ends the process."""
        del frame
        if sig in self._signals:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._signals.add(sig)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to end; uvicorn asks ten times a second."""
        if self._signals and not self._in_flight.draining:
            self._in_flight.draining = True
            self._stops_at = time.monotonic() + self._drain_seconds
        if self._in_flight.draining and not self._in_flight.stopping and time.monotonic() >= self._stops_at:
            self._stop_following.set()
            self._in_flight.stop()
            self._deadline = time.monotonic() + self._stop_seconds + CLOSE_SECONDS
        done = self._in_flight.stopping and (not self._in_flight or time.monotonic() > self._deadline)
        return await super().on_tick(counter) or done
