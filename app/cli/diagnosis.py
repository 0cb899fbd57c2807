"""Diagnosis of an installation: one check for each thing that a service needs, each with a remedy.

Checks read, and write one file that they remove again. `diagnose` runs all of them; one that raises is a finding too.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy import select

from app.cli.access_check import check_access
from app.cli.plain_errors import describe
from app.core.container_limits import cpu_quota, memory_quota
from app.core.host_names import is_loopback
from app.core.settings import Settings
from app.storage.database import Epoch, open_database
from app.storage.migrations import missing_migrations
from models.checkpoint.load import load
from models.checkpoint.repository import list_checkpoints
from models.errors import NextwordError

Level: TypeAlias = Literal["ok", "warning", "error"]
LOW_DISK_BYTES = 2**30
"""Free space below which uploads and saved states may soon fail."""
LOW_MEMORY_BYTES = 2**30
"""Memory below which torch and a few models leave nothing."""
EARLIEST = 1_767_225_600.0
"""2026-01-01: a clock before it has not been set."""


@dataclass(frozen=True)
class Finding:
    """Result of a check."""

    check: str
    level: Level
    message: str
    remedy: str = ""
    """What to do about it; empty for `ok`."""


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all checks, in an order in which earlier ones explain later ones."""
    for check in (_processor, _clock, _data_folder, _temporary_folder, _database, _checkpoints, _access, _port):
        name = check.__name__.strip("_").replace("_", " ")
        try:
            yield from check(name, settings)
        except (NextwordError, OSError) as error:
            yield Finding(name, "error", describe(error), "mend this first; other findings may follow from it")


def _processor(name: str, settings: Settings) -> Iterator[Finding]:
    quota, memory = cpu_quota(), memory_quota()
    threads = settings.threads or quota
    message = f"{quota} processors and {memory / 2**30:.1f} GiB may be used; {threads} threads compute"
    if settings.workers * threads > quota and settings.threads:
        yield Finding(name, "warning", message, "set NEXTWORD_THREADS so that servers times threads fit the quota")
    elif memory < LOW_MEMORY_BYTES:
        yield Finding(name, "warning", message, "give it more memory, at least 1 GiB")
    else:
        yield Finding(name, "ok", message)


def _clock(name: str, _settings: Settings) -> Iterator[Finding]:
    now = time.time()
    written = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < EARLIEST:
        yield Finding(name, "error", f"it is {written}", "set the clock: leases, keys and certificates depend on it")
    else:
        yield Finding(name, "ok", f"it is {written}")


def _data_folder(name: str, settings: Settings) -> Iterator[Finding]:
    settings.data.mkdir(parents=True, exist_ok=True)
    yield from _writable(name, settings.data, "NEXTWORD_DATA")
    free = shutil.disk_usage(settings.data).free
    message = f"{free / 2**30:.1f} GiB are free for {settings.data}"
    if free < LOW_DISK_BYTES:
        yield Finding("disk", "warning", message, "make room: uploads and saved trainings are kept there")
    else:
        yield Finding("disk", "ok", message)


def _temporary_folder(name: str, _settings: Settings) -> Iterator[Finding]:
    yield from _writable(name, Path(tempfile.gettempdir()), "TMPDIR")


def _writable(name: str, folder: Path, setting: str) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        owner = f"user {os.getuid()}"
        yield Finding(name, "error", describe(error), f"let {owner} write to {folder}, or name another in {setting}")
    else:
        yield Finding(name, "ok", f"{folder} can be written to")


def _database(name: str, settings: Settings) -> Iterator[Finding]:
    with closing(open_database(settings)) as database:
        with database.read() as connection:
            skew = abs(connection.execute(select(Epoch())).scalar_one() - time.time())
        missing = missing_migrations(database)
    kind = "SQLite" if settings.database_url is None else "the database"
    if missing < 0:
        yield Finding(name, "error", f"{kind} has the tables of a newer version", "start that version, or a newer one")
    elif missing:
        yield Finding(name, "warning", f"{kind} lacks {missing} migrations", "start the server: it makes them")
    else:
        yield Finding(name, "ok", f"{kind} answers, and its tables are the newest")
    if skew > settings.lease_seconds / 4:
        yield Finding(
            "database clock",
            "warning",
            f"it differs by {skew:.1f} s from this one",
            "set both clocks by the same source",
        )


def _checkpoints(name: str, settings: Settings) -> Iterator[Finding]:
    if not settings.checkpoints.is_dir():
        yield Finding(
            name, "error", f"{settings.checkpoints} is no folder", "make it, or name another in NEXTWORD_CHECKPOINTS"
        )
        return
    published = list_checkpoints(settings.checkpoints)
    sound = 0
    for ref in published:
        try:
            load(ref.path)
        except (NextwordError, OSError) as error:  # which must not hide what is wrong with others
            yield Finding(name, "error", f"{ref.id}: {describe(error)}", "publish it anew, or take its folder away")
        else:
            sound += 1
    if not os.access(settings.checkpoints, os.W_OK):
        yield Finding(name, "warning", f"{settings.checkpoints} is read-only", "jobs can publish nothing there")
    if published:
        yield Finding(name, "ok", f"{sound} of {len(published)} versions of models are sound, by their hashes")
    else:
        yield Finding(name, "warning", "no model is published", "train one: nextword train TEXT --name NAME")


def _access(name: str, settings: Settings) -> Iterator[Finding]:
    if is_loopback(settings.host):
        yield Finding(name, "ok", f"{settings.host} is reached from this machine alone")
    elif settings.insecure:
        yield Finding(name, "warning", f"{settings.host} is open to everybody", "nextword keys create NAME")
    else:
        check_access(settings)
        yield Finding(name, "ok", f"{settings.host} wants API keys")


def _port(name: str, settings: Settings) -> Iterator[Finding]:
    if not settings.port:
        yield Finding(name, "ok", "a free one is taken")
        return
    try:
        with socket.create_server((settings.host, settings.port)):
            pass
    except OSError as error:
        remedy = "if it is not this service that runs there, end it or choose another NEXTWORD_PORT"
        yield Finding(name, "warning", f"{settings.host}:{settings.port}: {error.strerror}", remedy)
    else:
        yield Finding(name, "ok", f"{settings.host}:{settings.port} is free")
