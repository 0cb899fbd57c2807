"""Jobs as the API sees them: asked for, listed, cancelled.

Knows what a job is, its states, and the store that is the one source of truth about it. Who works on a job and may
write its outcome is in `leases`; what the work is, no one here knows: a request is JSON.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select, case, func, insert, select, update

from app.core.exceptions import IdempotencyKeyReused, NotFound
from app.jobs import events
from app.storage.database import Database, Epoch, fetch_page
from app.storage.tables import FILES, JOBS, Status
from models.errors import InvalidInput

_Row: TypeAlias = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class NewJob:
    """A job asked for, validated and sized."""

    kind: str
    """What to do: a family of models to train, or "evaluate"."""
    request: dict[str, Any]
    """The request as validated; JSON-ready."""
    estimate: dict[str, Any]
    """Parameters, memory and time, guessed; JSON-ready."""
    name: str | None = None
    """Of the model to be; None where the job makes none."""
    training_file: str | None = None
    """Id of the file it learns from."""
    validation_file: str | None = None
    """Id of the file it is measured on."""
    asked: dict[str, Any] | None = None
    """What was asked for word for word, where `request` is not that."""


@dataclass(frozen=True)
class Job:
    """A row of the table; times are seconds since 1970 by the database's clock."""

    id: str
    """Random, unguessable."""
    kind: str
    """A family of models to train, or "evaluate"."""
    name: str | None
    """Of the model to be."""
    version: int | None
    """Of the model to be; fixed at creation, moved on only if the command line publishes it first."""
    request: dict[str, Any]
    """As validated."""
    estimate: dict[str, Any]
    """As guessed at creation."""
    training_file: str | None
    """Id."""
    validation_file: str | None
    """Id."""
    status: Status
    """Where it stands."""
    created_at: float
    """When it was asked for."""
    started_at: float | None
    """When a worker first took it."""
    finished_at: float | None
    """When it reached a final status."""
    attempt: int
    """1, and one more for each worker or process that was lost."""
    lease: int
    """Counts the times it was claimed; the holder of the newest may write."""
    heartbeat_at: float | None
    """When its worker was last heard of."""
    worker: str | None
    """Who holds, or last held, the lease."""
    publishing: bool
    """Past the point where a cancel still stops it."""
    progress: dict[str, Any] | None
    """The newest report of the work."""
    error_code: str | None
    """Why it failed, for programs."""
    error_message: str | None
    """Why it failed, for people."""
    result: dict[str, Any] | None
    """What came of it."""
    position: int | None
    """Place in the queue, from 1; None unless queued."""


class JobStore:
    """The jobs of a database. Every method raises DatabaseUnavailable; repeating a call then is safe."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, new: NewJob, *, newest: int = 0, key: str | None = None) -> Job:
        """Queue a job and fix the version of its model: the first past `newest`, the newest published, and all queued.

        The same idempotency `key` and request give the job of the first time. Raises KeyReused where the request
        is another, InvalidInput for a file that is not there.
        """
        digest = _request_digest(new.request if new.asked is None else new.asked)
        with self.database.write("nextword:jobs") as connection:
            found = None if key is None else _find_by_key(connection, key, digest)
            return found or _get_job(connection, _insert_job(connection, new, newest, key, digest))

    def find_by_key(self, asked: dict[str, Any], key: str) -> Job | None:
        """The job that this key and request made before, if any; raises KeyReused where the request was another."""
        with self.database.read() as connection:
            return _find_by_key(connection, key, _request_digest(asked))

    def get(self, job_id: str) -> Job:
        """The job; raises NotThere."""
        with self.database.read() as connection:
            return _get_job(connection, job_id)

    def page(self, status: Status | None = None, after: str | None = None, limit: int = 20) -> tuple[list[Job], bool]:
        """At most `limit` jobs, newest first, from behind job `after`; and whether there are more.

        Raises InvalidInput where there is no such job.
        """
        wanted = select_jobs()
        if status is not None:
            wanted = wanted.where(JOBS.c.status == status)
        with self.database.read() as connection:
            rows, more = fetch_page(connection, JOBS, wanted, after, limit)
        return [job_from_row(row) for row in rows], more

    def cancel(self, job_id: str) -> Job:
        """Stop a job: at once if it waits, by its worker if it runs; not if it is done or being published."""
        with self.database.write() as connection:
            connection.execute(select(JOBS.c.id).where(JOBS.c.id == job_id).with_for_update())
            job = _get_job(connection, job_id)
            if job.status is Status.QUEUED and not job.publishing:
                _set_status(connection, job_id, Status.CANCELLED, finished_at=Epoch())
            elif job.status is Status.RUNNING and not job.publishing:
                _set_status(connection, job_id, Status.CANCELLING)
            return _get_job(connection, job_id)

    def job_and_events(self, job_id: str, after: int) -> tuple[Job, list[events.StoredEvent]]:
        """The job, and what happened to it beyond event `after`: all of it, if the job is over. Raises NotThere."""
        with self.database.read() as connection:
            return _get_job(connection, job_id), events.read_events(connection, job_id, after, 1000)

    def events(self, job_id: str, after: int = 0, limit: int = 1000) -> list[events.StoredEvent]:
        """What happened beyond event `after`, oldest first; raises NotThere."""
        with self.database.read() as connection:
            _get_job(connection, job_id)
            return events.read_events(connection, job_id, after, limit)

    def metrics(self, job_id: str, after: int = -1, points: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        """(step, values) in order, all or about `points` of them; raises NotThere."""
        with self.database.read() as connection:
            _get_job(connection, job_id)
            return events.read_metrics(connection, job_id, after, points)


def _request_digest(asked: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _find_by_key(connection: Connection, key: str, digest: str) -> Job | None:
    columns = select(JOBS.c.id, JOBS.c.request_sha256)
    known = connection.execute(columns.where(JOBS.c.idempotency_key == key)).one_or_none()
    if known is None:
        return None
    if known.request_sha256 != digest:
        raise IdempotencyKeyReused(f"idempotency key {key!r} was used for another request; take a new key")
    return _get_job(connection, known.id)


def _insert_job(connection: Connection, new: NewJob, newest: int, key: str | None, digest: str) -> str:
    _require_files(connection, new)
    job_id = f"job-{secrets.token_hex(12)}"
    version = None if new.name is None else next_version(connection, new.name, newest)
    values = {
        **{field.name: getattr(new, field.name) for field in fields(new) if field.name != "asked"},
        "id": job_id,
        "version": version,
        "idempotency_key": key,
        "request_sha256": digest,
    }
    fresh = {"status": Status.QUEUED, "attempt": 1, "lease": 0, "publishing": False, "event_count": 0}
    connection.execute(insert(JOBS).values(created_at=Epoch(), **values, **fresh))
    events.append_event(
        connection, job_id, Status.QUEUED, {} if version is None else {"model": f"{new.name}@{version}"}
    )
    return job_id


def _require_files(connection: Connection, new: NewJob) -> None:
    """Check that the files are there, and hold their rows: a deletion looks for jobs behind the same lock."""
    wanted: Mapping[str, str | None] = {"training_file": new.training_file, "validation_file": new.validation_file}
    for field, file_id in wanted.items():
        row = select(FILES.c.id).where(FILES.c.id == file_id).with_for_update()
        if file_id is not None and connection.execute(row).one_or_none() is None:
            raise InvalidInput(field, f"there is no file {file_id!r}; upload it with POST /v1/files")


def next_version(connection: Connection, name: str, newest: int) -> int:
    """The first version of a model that neither a job has, nor is published up to `newest`."""
    taken = connection.execute(select(func.max(JOBS.c.version)).where(JOBS.c.name == name)).scalar()
    return max(taken or 0, newest) + 1


def _set_status(connection: Connection, job_id: str, status: Status, **values: Any) -> None:
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(status=status, **values))
    events.append_event(connection, job_id, status, {})


def select_jobs() -> Select[*tuple[Any, ...]]:
    """The columns of `Job`."""
    ahead = JOBS.alias("ahead")
    position = select(func.count()).where(ahead.c.status == Status.QUEUED, ahead.c.number <= JOBS.c.number)
    placed = case((JOBS.c.status == Status.QUEUED, position.scalar_subquery()), else_=None).label("position")
    return select(*(JOBS.c[field.name] for field in fields(Job) if field.name != "position"), placed)


def job_from_row(row: _Row) -> Job:
    """A row of `select_jobs`, as a job."""
    return Job(**{**row._mapping, "status": Status(row.status)})


def _get_job(connection: Connection, job_id: str) -> Job:
    row = connection.execute(select_jobs().where(JOBS.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job_from_row(row)
