"""Uses of files by jobs: which job needs a file, and when one was last needed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Text, cast, func, or_, select

from app.core.exceptions import LeaseLost
from app.storage.tables import FILES, JOBS, LEASED_STATUSES, OPEN_STATUSES

LAST_USE = func.coalesce(FILES.c.used_at, FILES.c.created_at)
"""Newest upload of a file, or the end of the newest job that needed it and is deleted."""
FILE_COLUMNS = (JOBS.c.training_file, JOBS.c.validation_file, JOBS.c.more_files)
"""Columns of a job that name its files, as `files_of` reads them."""


def owner_of_job(connection: Connection, job_id: str, lease: int) -> str | None:
    """Return the name of a job's API key, if any. Raises LeaseLost.

    Nobody else can claim the job until the end of the transaction.
    """
    held = (JOBS.c.id == job_id) & (JOBS.c.lease == lease) & JOBS.c.status.in_(LEASED_STATUSES)
    job = connection.execute(select(JOBS.c.api_key).where(held).with_for_update()).one_or_none()
    if job is None:
        raise LeaseLost(f"job {job_id} is no longer held under lease {lease}")
    owner: str | None = job.api_key
    return owner


def find_user(connection: Connection, file_id: str, since: float | None) -> str | None:
    """Return the id of a job that needs a file: unfinished or, given a time, finished since then."""
    more = cast(JOBS.c.more_files, Text).contains(f'"{file_id}"', autoescape=True)
    needed = or_(JOBS.c.training_file == file_id, JOBS.c.validation_file == file_id, more)
    user: str | None = connection.execute(select(JOBS.c.id).where(needed, needs_files(since)).limit(1)).scalar()
    return user


def files_of(job: Row[*tuple[Any, ...]]) -> list[str]:
    """Return the ids of the files of a job, of a row that has `FILE_COLUMNS`."""
    files = (job.training_file, job.validation_file, *(job.more_files or {}).values())
    return [file_id for file_id in files if file_id]


def needs_files(since: float | None) -> ColumnElement[bool]:
    """Return the condition for jobs that are not finished or, given a time, were not before it."""
    is_open = JOBS.c.status.in_(OPEN_STATUSES)
    return is_open if since is None else or_(is_open, JOBS.c.finished_at >= since)
