"""`nextword serve`: the service on a port of this machine, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path

import click
import uvicorn
from fastapi import FastAPI

from app.beside import WorkerBeside
from app.commands.options import settings
from app.main import create_app
from app.settings import Settings
from models.catalogue import entries

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--host", help="Address to listen on. [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one. [default: 8000]")
@click.option("--checkpoints", type=_FOLDER, metavar="DIR", help="Where models are published. [default: checkpoints]")
@click.option("--data", type=_FOLDER, metavar="DIR", help="What the service itself writes. [default: data]")
@click.option("--worker/--no-worker", default=True, help="Whether to run a worker beside it. [default: worker]")
def command(host: str | None, port: int | None, checkpoints: Path | None, data: Path | None, worker: bool) -> None:
    """Serve the published models over HTTP, until Ctrl-C or SIGTERM; running requests are finished.

    A worker beside it does the jobs that are asked for; leave it out where workers run elsewhere.

    What no flag says is read from environment variables NEXTWORD_<SETTING>; the README lists them.
    """
    serve(settings(host=host, port=port, checkpoints=checkpoints, data=data), worker=worker)


def serve(settings: Settings, *, worker: bool = False) -> None:
    """Serve until a signal, with or without a worker beside it. Raises OSError where the port is taken."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        timeout_graceful_shutdown=settings.stop_seconds,
    )
    with _listening(settings.host, settings.port) as listener:
        # The server catches both signals itself and raises them again once it has stopped: that was no failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with WorkerBeside(settings) if worker else nullcontext():
            _Server(config, app).run([listener])


class _Server(uvicorn.Server):
    """Says where to find it, once it can be found."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._state = app.state

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            click.echo(greeting(self._state.settings, sockets[0].getsockname()[1]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Those who follow a job would be waited for until it ends.
        self._state.stopping.set()
        await super().shutdown(sockets)


def greeting(settings: Settings, port: int) -> str:
    """Where the API, its documentation and the models are."""
    # Who listens everywhere is found here, too.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    names = sorted({entry.name for entry in entries(settings.checkpoints)})
    return "\n".join(
        (
            f"Nextword {version('nextword')}",
            f"  API         http://{host}:{port}/v1/models",
            f"  Swagger UI  http://{host}:{port}/docs",
            f"  Models      {settings.checkpoints.resolve()}: {', '.join(names) or 'none yet; see `nextword train`'}",
        )
    )


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens; the error of one that cannot says where."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        # The standard library adds the address to the reason, in its own words.
        reason = str(error.strerror).partition(" (while")[0]
        raise OSError(f"cannot listen on {host} port {port}: {reason}") from error
