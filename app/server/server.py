"""One server process: the application behind uvicorn, on a socket that listens already.

How the server goes down: nothing new is let in, what runs may finish, and a second signal ends it at once.

It keeps listening meanwhile, so that whoever asks is told to go elsewhere, and a load balancer sees it is not ready.
It knows uvicorn's loop and the reception; how a request is ended, its ticket knows.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
import threading
import time
from functools import partial
from types import FrameType
from typing import Any

import click
import uvicorn
from fastapi import FastAPI

from app.core.settings import Settings
from app.main import create_app
from app.middleware.in_flight import InFlightRequests
from app.server.early_reject import EarlyRejector, RejectingHttpProtocol

CLOSE_SECONDS = 2.0
"""What it takes, after the last moment of the last request, to tell clients so and to close connections."""


class GracefulServer(uvicorn.Server):
    """Ends with status 0 at SIGINT or SIGTERM, having finished what could be; at once when one comes again."""

    def __init__(
        self, config: uvicorn.Config, reception: InFlightRequests, seconds: float, followers: threading.Event
    ) -> None:
        """Requests have so many `seconds` to finish; `followers` tells those who follow a job."""
        super().__init__(config)
        config.timeout_graceful_shutdown = int(CLOSE_SECONDS)
        self._in_flight = reception
        self._stop_seconds = seconds
        self._stop_following = followers
        self._signals: set[int] = set()
        self._deadline = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn."""
        del frame
        if sig in self._signals:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._signals.add(sig)

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn: ten times a second, whether to end."""
        if self._signals and not self._in_flight.stopping:
            self._stop_following.set()
            self._in_flight.stop()
            self._deadline = time.monotonic() + self._stop_seconds + CLOSE_SECONDS
        done = self._in_flight.stopping and (not self._in_flight or time.monotonic() > self._deadline)
        return await super().on_tick(counter) or done


GC_THRESHOLD = 20_000
"""New ones between two looks for garbage in cycles: an answer of hundreds of rows has some thousands, in no cycle."""

ACCEPTS_PER_TURN, SHARED_ACCEPTS_PER_TURN = 32, 4
"""New connections taken at a turn of the event loop, which takes one for each socket that it knows: under a load of
requests turns are long, and clients would wait for seconds to be even refused. Where several servers share a socket,
each leaves most of those that come together to the others."""


def uvicorn_config(app: FastAPI, **given: Any) -> uvicorn.Config:
    """How uvicorn serves `app`, which `create_app` made."""
    door = EarlyRejector(app.state.reception, app.state.metrics, app.state.line)
    keeper: Any = partial(RejectingHttpProtocol, door)
    return uvicorn.Config(app, http=keeper, log_config=None, **given)


class Server(GracefulServer):
    """Says where to find it, once it can be found."""

    def __init__(self, settings: Settings, told: str = "") -> None:
        """`told` is printed when it has started."""
        app = create_app(settings)
        state = app.state
        super().__init__(uvicorn_config(app), state.reception, settings.stop_seconds, state.stopping)
        self._banner = told

    def serve_on(self, listener: socket.socket, accepted: int = ACCEPTS_PER_TURN) -> None:
        """Serve until a signal, taking so many new connections at a turn."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # before and after the server sees to it, it ends this at once
        # Between two compiled loops the computing thread needs the interpreter for a moment: it should not wait until
        # the event loop has taken a whole request apart.
        sys.setswitchinterval(0.0005)
        gc.set_threshold(GC_THRESHOLD)
        # A duplicate is made as its original is, and what one of them waits for stops all servers that share it.
        listener.setblocking(False)
        self.run([listener.dup() for _ in range(accepted)])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        if self.started and self._banner:
            click.echo(self._banner)
