"""`nextword serve`: run the HTTP service until it is told to stop."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click

from app.cli.access_check import check_access
from app.cli.shared_options import FOLDER
from app.core.logs.setup import log_to_stderr
from app.core.process_tuning import import_without_gc
from app.core.settings import Settings, load_settings
from app.core.traces.opening import check_tracing
from app.server.guardian import keep_running
from app.server.supervisor import WorkerSupervisor, doubt_files
from app.server.worker_processes import server_processes, wait_for_stop_signal
from models.checkpoint.repository import list_checkpoints


@click.command()
@click.option("--host", help="Address to listen on. [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one. [default: 8000]")
@click.option("--checkpoints", type=FOLDER, metavar="DIR", help="Where models are published. [default: checkpoints]")
@click.option("--data", type=FOLDER, metavar="DIR", help="What the service itself writes. [default: data]")
@click.option("--workers", type=int, metavar="N", help="Server processes, on the one port. [default: 1]")
@click.option("--worker/--no-worker", default=True, help="Whether to run a worker beside it. [default: worker]")
def command(worker: bool, **options: Path | str | int | None) -> None:
    """Serve the published models over HTTP, until Ctrl-C or SIGTERM; running requests are finished.

    A worker process beside it runs the jobs; leave it out where workers run elsewhere.

    Settings without an option are read from environment variables NEXTWORD_<SETTING>; the documentation lists them.
    """
    serve(load_settings(**options), worker=worker)


def serve(settings: Settings, *, worker: bool = False) -> None:
    """Serve until a signal, with or without a worker process.

    Raises OSError where the port is taken, and InvalidInput where everybody could reach a server that asks for no key.
    """
    log_to_stderr(settings.log_level, settings.log_format)
    check_access(settings)
    check_tracing(settings.otlp_endpoint)
    supervisor = WorkerSupervisor(settings) if worker else nullcontext()
    with _listen(settings.host, settings.port) as listener:
        banner = greeting(settings, listener.getsockname()[1])
        if settings.workers == 1:
            keep_running(partial(_serve_alone, settings, listener, banner, supervisor), partial(doubt_files, settings))
        else:
            with supervisor, server_processes(settings, listener) as servers:
                click.echo(banner)
                wait_for_stop_signal(servers)


def _serve_alone(
    settings: Settings, listener: socket.socket, banner: str, supervisor: AbstractContextManager[object]
) -> None:
    """Serve in this process."""
    # Takes seconds and much memory to import, which its guardian does not need.
    server = import_without_gc("app.server.server").Server(settings, banner)
    with supervisor:
        server.serve_on(listener)


def greeting(settings: Settings, port: int) -> str:
    """Format the banner: addresses of the page, the API and its documentation, and the models."""
    # A server that listens on all addresses is reached at the local one.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    names = sorted({ref.name for ref in list_checkpoints(settings.checkpoints)})
    return "\n".join(
        (
            f"Nextword {version('nextword')}",
            f"  Page        http://{host}:{port}/",
            f"  API         http://{host}:{port}/v1/models",
            f"  Swagger UI  http://{host}:{port}/docs",
            f"  Models      {settings.checkpoints.resolve()}: {', '.join(names) or 'none yet; see `nextword train`'}",
        )
    )


def _listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; an OSError names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        # The standard library appends the address to the reason in its own format.
        reason = str(error.strerror).partition(" (while")[0]
        raise OSError(f"cannot listen on {host} port {port}: {reason}") from error
