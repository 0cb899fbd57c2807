"""`nextword worker`: does the jobs that are asked for over HTTP, one after another, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from pathlib import Path

import click

from app.core.container_limits import spare_cores
from app.core.exceptions import DatabaseUnavailable
from app.core.settings import Settings, load_settings, log_to_stderr
from app.server.supervisor import call_at_eof
from app.stores import Stores
from app.worker.config import WorkerConfig, WorkerContext
from app.worker.run_monitor import retry_while_unavailable
from app.worker.subprocess_launcher import SubprocessLauncher
from app.worker.worker import Worker
from app.worker.workspaces import Workspaces

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--checkpoints", type=_FOLDER, metavar="DIR", help="Where models are published. [default: checkpoints]")
@click.option("--data", type=_FOLDER, metavar="DIR", help="Where uploads and saved states are. [default: data]")
@click.option("--threads", "job_threads", type=click.IntRange(1), help="Threads of a job. [default: all but one]")
@click.option("--until-eof", is_flag=True, help="Stop when standard input closes, too: whoever started this is gone.")
def command(until_eof: bool, **given: Path | int | None) -> None:
    """Do jobs until Ctrl-C or SIGTERM; the one in hand then saves its state and goes back to the queue.

    Run as many as there are processors to spare. What no flag says is read from environment variables
    NEXTWORD_<SETTING>; NEXTWORD_DATABASE_URL must be the service's.
    """
    settings = load_settings(**given)
    log_to_stderr(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_eof:
        threading.Thread(target=call_at_eof, args=(stop.set,), daemon=True).start()
    stores = Stores.open(settings)
    with suppress(DatabaseUnavailable):  # told to stop before the database ever answered
        retry_while_unavailable(stores.prepare, stop)
        build_worker(settings, stores, stop).run()
    stores.database.close()


def build_worker(settings: Settings, stores: Stores, stop: threading.Event) -> Worker:
    """The worker of these settings."""
    pace = WorkerConfig(
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        save_seconds=settings.job_save_seconds,
        max_attempts=settings.job_attempts,
        threads=settings.job_threads or spare_cores(),
    )
    around = WorkerContext(
        leases=stores.leases,
        files=stores.files,
        launcher=SubprocessLauncher(settings.job_niceness),
        workspaces=Workspaces(settings.data, settings.checkpoints),
        checkpoints=settings.checkpoints,
        config=pace,
        stop=stop,
    )
    return Worker(stores.jobs, around)
