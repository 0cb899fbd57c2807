"""`nextword worker`: run the jobs submitted over HTTP, until told to stop."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.shared_options import FOLDER
from app.core.background import BackgroundTasks
from app.core.container_limits import spare_cores
from app.core.exceptions import DatabaseUnavailable
from app.core.logs.setup import log_to_stderr
from app.core.settings import Settings, load_settings
from app.core.traces.opening import closing_traces, open_tracing
from app.core.traces.tracing import Tracing
from app.server.supervisor import call_at_eof
from models.errors import InvalidInput

if TYPE_CHECKING:
    from app.storage.replication.shared_models import SharedModels
    from app.stores import Stores
    from app.worker.run_protocol import Launcher
    from app.worker.worker import Worker


@click.command()
@click.option("--checkpoints", type=FOLDER, metavar="DIR", help="Where models are published. [default: checkpoints]")
@click.option("--data", type=FOLDER, metavar="DIR", help="Where uploads and saved states are. [default: data]")
@click.option("--threads", "job_threads", type=click.IntRange(1), help="Threads of a job. [default: all but one]")
@click.option("--until-eof", is_flag=True, help="Stop when standard input closes, too: its starter is gone.")
def command(until_eof: bool, **options: Path | int | None) -> None:
    """Run jobs until Ctrl-C or SIGTERM; those at work then save their states and go back to the queue.

    One does as many at once as NEXTWORD_JOB_SLOTS says. Settings without an option are read from environment
    variables NEXTWORD_<SETTING>; NEXTWORD_DATABASE_URL must be the service's.
    """
    if find_spec("torch") is None:
        raise InvalidInput("installation", "lacks PyTorch, which jobs need: this one only serves (--no-worker)")
    from app.stores import Stores
    from app.worker.run_monitor import retry_while_unavailable

    settings = load_settings(**options)
    log_to_stderr(settings.log_level, settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_eof:
        threading.Thread(target=call_at_eof, args=(stop.set,), daemon=True).start()
    stores = Stores.open(settings)
    with suppress(DatabaseUnavailable):  # told to stop before the database answered
        retry_while_unavailable(stores.prepare, stop)
        with closing_traces(open_tracing(settings.otlp_endpoint, "nextword-worker")) as tracing:
            follow_store(settings, stop, stores)
            build_worker(settings, stores, stop, tracing).run()
    stores.database.close()


def follow_store(settings: Settings, stop: threading.Event, stores: Stores) -> None:
    """Keep folders and the object store of the settings alike, until told to stop."""
    if settings.store is not None:
        from app.storage.replication.object_store import SWEEP_SECONDS, ObjectStore
        from app.storage.replication.replica import Replica
        from app.storage.replication.shared_files import SHARE_SECONDS

        store = ObjectStore(settings.store)
        for name, task, seconds in (
            ("object store", Replica(store, settings.checkpoints).sync, settings.store_seconds),
            ("broken publishing", store.remove_broken, SWEEP_SECONDS),
            ("files", stores.files.share_missing, SHARE_SECONDS),
        ):
            arguments = (stop, name, task, seconds)
            threading.Thread(target=BackgroundTasks().repeat_until, args=arguments, daemon=True).start()


def build_worker(settings: Settings, stores: Stores, stop: threading.Event, tracing: Tracing | None = None) -> Worker:
    """Build the worker of these settings, whose jobs are traced by `tracing`."""
    from app.worker.config import WorkerConfig, WorkerContext
    from app.worker.saved.workspaces import Workspaces
    from app.worker.worker import Worker

    threads = settings.job_threads or spare_cores()
    config = WorkerConfig(
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        save_seconds=settings.job_save_seconds,
        max_attempts=settings.job_attempts,
        threads=threads,
        slots=settings.job_slots or max(1, spare_cores() // threads),
        memory_bytes=WorkerConfig.memory_bytes if settings.ray_address else settings.job_memory_bytes,
        log_level=settings.log_level,
        log_format=settings.log_format,
    )
    context = WorkerContext(
        leases=stores.leases,
        files=stores.files,
        launcher=_launcher(settings),
        workspaces=Workspaces(settings.data, settings.checkpoints, stores.states),
        checkpoints=settings.checkpoints,
        config=config,
        stop=stop,
        tracing=tracing,
        shared_models=_shared_models(settings),
    )
    return Worker(stores.jobs, context)


def _shared_models(settings: Settings) -> SharedModels | None:
    """Return the models in the object store of the settings, if they name one."""
    if settings.store is None:
        return None
    from app.storage.replication.object_store import ObjectStore
    from app.storage.replication.shared_models import SharedModels

    return SharedModels(ObjectStore(settings.store), settings.checkpoints)


def _launcher(settings: Settings) -> Launcher:
    """Return the launcher of these settings.

    Only Linux can fork the processes of jobs and hold on to them. Raises InvalidInput where a Ray cluster is wanted and
    the extra `ray` is not installed.
    """
    if settings.ray_address:
        if find_spec("ray") is None:
            raise InvalidInput("ray_address", "jobs on a Ray cluster need the extra `ray`: pip install 'nextword[ray]'")
        from app.worker.launchers.ray_launcher import RayLauncher

        return RayLauncher(settings.ray_address, settings.job_niceness)
    from app.worker.launchers.subprocess_launcher import SubprocessLauncher
    from app.worker.launchers.warm_launcher import WarmLauncher

    if settings.job_warm_seconds and hasattr(os, "pidfd_open"):
        return WarmLauncher(settings.job_niceness, settings.job_warm_seconds)
    return SubprocessLauncher(settings.job_niceness)
