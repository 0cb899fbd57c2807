"""The queue of jobs as the API sees it: created, listed, cancelled.

`JobStore` is the one source of truth about jobs. Requests are stored as JSON, so the queue needs no schema of them.
Claiming a job and writing its outcome is in `leases`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, ScalarSelect, Select, case, func, insert, select, update

from app.core.api_keys import ApiKey
from app.core.exceptions import IdempotencyKeyReused, NotFound
from app.core.request_facts import request_traceparent
from app.jobs.events import StoredEvent, append_event, read_events, read_metrics
from app.jobs.job import Job, NewJob
from app.storage.database import Database, Epoch, fetch_page
from app.storage.quotas import check_job_quota
from app.storage.tables import FILES, JOBS, JOBS_LOCK, LEASED_STATUSES, Status
from models.errors import InvalidInput

_Row: TypeAlias = Row[*tuple[Any, ...]]
EVENTS_PER_READ = 1000
"""Events that `JobStore.job_and_events` returns at most."""


class JobStore:
    """The jobs of a database. Every method raises DatabaseUnavailable; repeating a call then is safe."""

    def __init__(self, database: Database, absence_note: str = "") -> None:
        """Keep jobs in a database; `absence_note` ends the message that there is no such job."""
        self.database = database
        self._absence_note = absence_note

    def create(
        self,
        new: NewJob,
        *,
        newest: int = 0,
        key: str | None = None,
        api_key: ApiKey | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Job:
        """Queue a job and reserve the version of its model.

        The version is the first after `newest`, the newest published, and after those of all jobs. A repeated
        idempotency `key` with the same request returns the job of the first call. The job counts as one of `api_key`.
        `check` raises where the models that it needs are gone; none is deleted for its age between that and the end.

        Raises:
            IdempotencyKeyReused: the key was used with another request.
            QuotaReached: the API key has as many unfinished jobs as it may have.
            InvalidInput: a file does not exist.
        """
        digest = _request_digest(new.request if new.sent_request is None else new.sent_request)
        with self.database.write(JOBS_LOCK) as connection:
            earlier = None if key is None else _find_by_key(connection, key, digest)
            if earlier is not None:
                return earlier
            check_job_quota(connection, api_key)
            check()
            owner = None if api_key is None else api_key.name
            return _get_job(connection, _insert_job(connection, new, newest, key, digest, owner))

    def find_by_key(self, request: dict[str, Any], key: str) -> Job | None:
        """Return the job that an earlier call with this key created, if any.

        Raises IdempotencyKeyReused where that call had another request.
        """
        with self.database.read() as connection:
            return _find_by_key(connection, key, _request_digest(request))

    def get(self, job_id: str) -> Job:
        """Return a job; raises NotFound."""
        with self.database.read() as connection:
            return self._get(connection, job_id)

    def page(self, status: Status | None = None, after: str | None = None, limit: int = 20) -> tuple[list[Job], bool]:
        """Return at most `limit` jobs, newest first, older than job `after`; and whether there are more.

        Raises InvalidInput where there is no job `after`.
        """
        query = select_jobs()
        if status is not None:
            query = query.where(JOBS.c.status == status)
        with self.database.read() as connection:
            rows, more = fetch_page(connection, JOBS, query, after, limit)
        return [job_from_row(row) for row in rows], more

    def counts_and_oldest_heartbeat(self) -> tuple[dict[Status, int], float]:
        """Return the number of jobs of each status that occurs, and the seconds since the oldest heartbeat.

        That is the oldest of the jobs under way; 0 where there are none.
        """
        silence = func.max(Epoch() - JOBS.c.heartbeat_at)
        with self.database.read() as connection:
            rows = connection.execute(select(JOBS.c.status, func.count(), silence).group_by(JOBS.c.status)).all()
        counts = {Status(status): number for status, number, _ in rows}
        return counts, max([0.0, *(seconds or 0.0 for status, _, seconds in rows if status in LEASED_STATUSES)])

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once if queued, through its worker if running.

        A job that is finished or being published stays as it is.
        """
        with self.database.write() as connection:
            connection.execute(select(JOBS.c.id).where(JOBS.c.id == job_id).with_for_update())
            job = self._get(connection, job_id)
            if job.status is Status.QUEUED and not job.publishing:
                _set_status(connection, job_id, Status.CANCELLED, finished_at=Epoch())
            elif job.status is Status.RUNNING and not job.publishing:
                _set_status(connection, job_id, Status.CANCELLING)
            return _get_job(connection, job_id)

    def job_and_events(self, job_id: str, after: int) -> tuple[Job, list[StoredEvent]]:
        """Return a job and its events after number `after`, read in one transaction. Raises NotFound."""
        with self.database.read() as connection:
            return self._get(connection, job_id), read_events(connection, job_id, after, EVENTS_PER_READ)

    def events(self, job_id: str, after: int = 0, limit: int = EVENTS_PER_READ) -> list[StoredEvent]:
        """Return the events after number `after`, oldest first; raises NotFound."""
        with self.database.read() as connection:
            self._get(connection, job_id)
            return read_events(connection, job_id, after, limit)

    def metrics(self, job_id: str, after: int = -1, points: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        """Return (step, values) in order, all or about `points` of them; raises NotFound."""
        with self.database.read() as connection:
            self._get(connection, job_id)
            return read_metrics(connection, job_id, after, points)

    def _get(self, connection: Connection, job_id: str) -> Job:
        try:
            return _get_job(connection, job_id)
        except NotFound as error:
            raise NotFound(f"{error}{self._absence_note}") from None


def _request_digest(request: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _find_by_key(connection: Connection, key: str, digest: str) -> Job | None:
    columns = select(JOBS.c.id, JOBS.c.request_sha256)
    job = connection.execute(columns.where(JOBS.c.idempotency_key == key)).one_or_none()
    if job is None:
        return None
    if job.request_sha256 != digest:
        raise IdempotencyKeyReused(f"idempotency key {key!r} was used for another request; take a new key")
    return _get_job(connection, job.id)


def _insert_job(
    connection: Connection, new: NewJob, newest: int, key: str | None, digest: str, owner: str | None
) -> str:
    _require_files(connection, new)
    job_id = f"job-{secrets.token_hex(12)}"
    version = None if new.name is None else next_version(connection, new.name, newest)
    values = {
        **{field.name: getattr(new, field.name) for field in fields(new) if field.name in JOBS.c},
        "id": job_id,
        "version": version,
        "idempotency_key": key,
        "request_sha256": digest,
        "api_key": owner,
        "traceparent": request_traceparent(),
    }
    initial = {"status": Status.QUEUED, "attempt": 1, "lease": 0, "publishing": False, "event_count": 0}
    connection.execute(insert(JOBS).values(created_at=Epoch(), **values, **initial))
    append_event(connection, job_id, Status.QUEUED, {} if version is None else {"model": f"{new.name}@{version}"})
    return job_id


def _require_files(connection: Connection, new: NewJob) -> None:
    """Check that the files exist and lock their rows, so that none is deleted before the job is queued."""
    file_ids = {"training_file": new.training_file, "validation_file": new.validation_file, **new.more_files}
    for name, file_id in file_ids.items():
        row = select(FILES.c.id).where(FILES.c.id == file_id).with_for_update()
        if file_id is not None and connection.execute(row).one_or_none() is None:
            raise InvalidInput(name, f"there is no file {file_id!r}; upload it with POST /v1/files")


def next_version(connection: Connection, name: str, newest: int) -> int:
    """Return the first version after `newest`, the newest published one, and after those of all jobs."""
    highest = connection.execute(select(func.max(JOBS.c.version)).where(JOBS.c.name == name)).scalar()
    return max(highest or 0, newest) + 1


def _set_status(connection: Connection, job_id: str, status: Status, **values: object) -> None:
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(status=status, **values))
    append_event(connection, job_id, status, {})


def select_jobs() -> Select[*tuple[Any, ...]]:
    """Return the query for the columns of `Job`."""
    earlier = JOBS.alias("earlier")
    count = select(func.count()).where(earlier.c.status == Status.QUEUED, earlier.c.number <= JOBS.c.number)
    computed = {
        "position": case((JOBS.c.status == Status.QUEUED, count.scalar_subquery()), else_=None),
        "leased_jobs": count_leased(),
        "now": Epoch(),
    }
    columns = [JOBS.c[field.name] for field in fields(Job) if field.name not in computed]
    return select(*columns, *(value.label(name) for name, value in computed.items()))


def count_leased() -> ScalarSelect[int]:
    """Return the subquery for the number of jobs that workers hold now."""
    leased = JOBS.alias("leased")
    is_held = leased.c.status.in_(LEASED_STATUSES) & (leased.c.lease_expires_at >= Epoch())
    return select(func.count()).where(is_held).scalar_subquery()


def job_from_row(row: _Row) -> Job:
    """Convert a row of `select_jobs` to a Job."""
    return Job(**{**row._mapping, "status": Status(row.status)})


def _get_job(connection: Connection, job_id: str) -> Job:
    row = connection.execute(select_jobs().where(JOBS.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job_from_row(row)
