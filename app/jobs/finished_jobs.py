"""Deletion of jobs that finished long ago, with their events and metrics."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from app.storage.database import Database
from app.storage.files.file_uses import FILE_COLUMNS, LAST_USE, files_of
from app.storage.tables import FILES, JOBS, OPEN_STATUSES


def finished_jobs(database: Database, before: float, limit: int) -> list[str]:
    """Return the ids of at most `limit` jobs that finished before a time, oldest first.

    Raises DatabaseUnavailable.
    """
    old = select(JOBS.c.id).where(JOBS.c.status.not_in(OPEN_STATUSES), JOBS.c.finished_at < before)
    with database.read() as connection:
        return list(connection.execute(old.order_by(JOBS.c.number).limit(limit)).scalars())


def delete_finished_job(database: Database, job_id: str) -> bool:
    """Delete a job with its events and metrics; False where it is gone or not finished.

    Its files keep the time of its end as that of their last use. Raises DatabaseUnavailable.
    """
    finished = (JOBS.c.id == job_id) & JOBS.c.status.not_in(OPEN_STATUSES)
    with database.write() as connection:
        deletion = delete(JOBS).where(finished).returning(*FILE_COLUMNS, JOBS.c.finished_at)
        job = connection.execute(deletion).one_or_none()
        if job is None:
            return False
        older = FILES.c.id.in_(files_of(job)) & (job.finished_at > LAST_USE)
        connection.execute(update(FILES).where(older).values(used_at=job.finished_at))
    return True
