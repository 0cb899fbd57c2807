"""One server process: the application behind uvicorn, on a socket that listens already.

`python -m app.server DESCRIPTOR` is one of several that share a socket; it ends in order when its standard input ends,
as at SIGTERM.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from functools import partial

import click
import uvicorn

from app.beside import wait_for_eof
from app.graceful import GracefulServer
from app.main import create_app
from app.settings import Settings, log_to_stderr

OBJECTS = 20_000
"""New ones between two looks for garbage in cycles: an answer of hundreds of rows has some thousands, in no cycle."""

ACCEPTED, SHARED = 32, 4
"""New connections taken at a turn of the event loop, which takes one for each socket that it knows: under a load of
requests turns are long, and clients would wait for seconds to be even refused. Where several servers share a socket,
each leaves most of those that come together to the others."""


class Server(GracefulServer):
    """Says where to find it, once it can be found."""

    def __init__(self, settings: Settings, told: str = "") -> None:
        """`told` is printed when it has started."""
        app = create_app(settings)
        state = app.state
        super().__init__(uvicorn.Config(app, log_config=None), state.reception, settings.stop_seconds, state.stopping)
        self._told = told

    def serve_on(self, listener: socket.socket, accepted: int = ACCEPTED) -> None:
        """Serve until a signal, taking so many new connections at a turn."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # before and after the server sees to it, it ends this at once
        # Between two compiled loops the computing thread needs the interpreter for a moment: it should not wait until
        # the event loop has taken a whole request apart.
        sys.setswitchinterval(0.0005)
        gc.set_threshold(OBJECTS)
        self.run([listener.dup() for _ in range(accepted)])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        if self.started and self._told:
            click.echo(self._told)


def main() -> None:
    """Serve on the socket whose descriptor is the argument, by the settings of the environment."""
    settings = Settings()
    log_to_stderr(settings)
    server = Server(settings)
    stop = partial(os.kill, os.getpid(), signal.SIGTERM)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        threading.Thread(target=wait_for_eof, args=(stop,), daemon=True).start()
        server.serve_on(listener, SHARED)


if __name__ == "__main__":
    main()
