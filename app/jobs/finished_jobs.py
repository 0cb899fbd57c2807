"""Deletion of jobs that finished long ago, with their events and metrics."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from app.storage.database import Database
from app.storage.file_store import LAST_USE
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
    columns = (JOBS.c.training_file, JOBS.c.validation_file, JOBS.c.more_files, JOBS.c.finished_at)
    finished = (JOBS.c.id == job_id) & JOBS.c.status.not_in(OPEN_STATUSES)
    with database.write() as connection:
        job = connection.execute(delete(JOBS).where(finished).returning(*columns)).one_or_none()
        if job is None:
            return False
        files = [job.training_file, job.validation_file, *(job.more_files or {}).values()]
        older = FILES.c.id.in_([file_id for file_id in files if file_id]) & (job.finished_at > LAST_USE)
        connection.execute(update(FILES).where(older).values(used_at=job.finished_at))
    return True
