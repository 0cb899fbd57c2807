"""Several server processes on one socket, each restarted when it dies, stopped together.

Whichever is free takes the next connection. Each loads the models for itself, but their weights are mapped from the
same files and so are in memory once; each has an engine, limits and caches of its own. The parent only supervises them:
it imports neither the application nor torch. `python -m app.server.worker_processes DESCRIPTOR` is one of them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from tempfile import TemporaryDirectory
from types import FrameType

from app.core.container_limits import cpu_quota
from app.core.logs.setup import log_to_stderr
from app.core.plain_lines import protect_streams
from app.core.process_tuning import import_without_gc
from app.core.settings import Settings
from app.server.supervisor import SubprocessSupervisor, call_at_eof, doubt_files

STOP_GRACE_SECONDS = 10.0
"""How long a server may take to stop, beyond the time that its requests have to finish."""


@contextmanager
def server_processes(settings: Settings, listener: socket.socket) -> Iterator[list[SubprocessSupervisor]]:
    """Run as many servers as the settings say, on `listener`, while the block lasts."""
    command = (sys.executable, "-m", "app.server.worker_processes", str(listener.fileno()))
    seconds = settings.drain_seconds + settings.stop_seconds + STOP_GRACE_SECONDS
    with TemporaryDirectory(prefix="nextword-metrics-") as metrics, ExitStack() as running:
        environment = {**settings_per_process(settings).environment(), "PROMETHEUS_MULTIPROC_DIR": metrics}
        servers = [
            SubprocessSupervisor(
                "server", command, environment, seconds, [listener.fileno()], partial(doubt_files, settings)
            )
            for _ in range(settings.workers)
        ]
        for server in servers:
            running.enter_context(server)
        try:
            yield servers
        finally:
            for server in servers:  # all of them before any is waited for
                server.stop()


def settings_per_process(settings: Settings) -> Settings:
    """Return the settings of each server, which shares the CPU quota with the others."""
    threads = settings.threads or max(1, cpu_quota() // settings.workers)
    return settings.model_copy(update={"threads": threads, "workers": 1})


def wait_for_stop_signal(servers: list[SubprocessSupervisor]) -> None:
    """Wait for SIGINT or SIGTERM. A second one, while `servers` stop, kills them and this process at once."""
    received: set[int] = set()
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        if number in received:
            for server in servers:
                server.kill()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        received.add(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    stop.wait()


def main() -> None:
    """Serve by the environment's settings on the socket whose descriptor is the argument.

    Stops in order when standard input ends, as at SIGTERM.
    """
    protect_streams()
    settings = Settings()
    log_to_stderr(settings.log_level, settings.log_format)
    module = import_without_gc("app.server.server")
    stop = partial(os.kill, os.getpid(), signal.SIGTERM)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        threading.Thread(target=call_at_eof, args=(stop,), daemon=True).start()
        module.Server(settings).serve_on(listener, module.SHARED_ACCEPTS_PER_TURN)


if __name__ == "__main__":
    main()
