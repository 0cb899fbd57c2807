"""Several server processes on one socket: begun together, each begun again when it dies, stopped at the same time.

Whichever is free takes the next connection. Each loads models for itself, whose weights are mapped from the same files
and so are in memory once; each has an engine, limits and caches of its own, and follows folder and database by itself.
This process only watches over them: it loads no model, and does not import what would take seconds.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from app.core.container_limits import cpu_quota
from app.core.settings import Settings
from app.server.supervisor import SubprocessSupervisor

STOP_GRACE_SECONDS = 10.0
"""What a server may take to stop, beyond the time its requests have to finish."""


@contextmanager
def server_processes(settings: Settings, listener: socket.socket) -> Iterator[list[SubprocessSupervisor]]:
    """As many servers as the settings say, on `listener`, while the block lasts."""
    command = (sys.executable, "-m", "app.server.member", str(listener.fileno()))
    environment = settings_per_process(settings).environment()
    seconds = settings.stop_seconds + STOP_GRACE_SECONDS
    servers = [
        SubprocessSupervisor("server", command, environment, seconds, [listener.fileno()])
        for _ in range(settings.workers)
    ]
    with ExitStack() as running:
        for server in servers:
            running.enter_context(server)
        try:
            yield servers
        finally:
            for server in servers:  # all at once, before any is waited for
                server.stop()


def settings_per_process(settings: Settings) -> Settings:
    """The settings of each server."""
    threads = settings.threads or max(1, cpu_quota() // settings.workers)
    return settings.model_copy(update={"threads": threads, "workers": 1})


def wait_for_stop_signal(servers: list[SubprocessSupervisor]) -> None:
    """Wait for SIGINT or SIGTERM. One that comes again, while `servers` stop, ends them and this process at once."""
    told: set[int] = set()
    stop = threading.Event()

    def tell(number: int, _: FrameType | None) -> None:
        if number in told:
            for server in servers:
                server.kill()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        told.add(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)
    stop.wait()
