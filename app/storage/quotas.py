"""Quotas of API keys: how many unfinished jobs and bytes of files one may have.

Both are counted in the transaction that adds one more, under the lock of its table, so they hold for all server
processes together.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from app.core.api_keys import ApiKey
from app.core.exceptions import MAX_RETRY_SECONDS, QuotaReached
from app.storage.tables import FILES, JOBS, OPEN_STATUSES


def check_job_quota(connection: Connection, key: ApiKey | None) -> None:
    """Raise QuotaReached where a key has as many unfinished jobs as it may have."""
    if key is None or key.limits.jobs is None:
        return
    own = select(func.count()).where(JOBS.c.api_key == key.name, JOBS.c.status.in_(OPEN_STATUSES))
    if connection.execute(own).scalar_one() >= key.limits.jobs:
        message = f"the API key {key.name!r} may have {key.limits.jobs} jobs that wait or run, and has"
        raise QuotaReached(message, MAX_RETRY_SECONDS)


def check_storage_quota(connection: Connection, key: ApiKey | None, size: int) -> None:
    """Raise QuotaReached where `size` bytes more of files are more than a key may have."""
    if key is None or key.limits.stored_bytes is None:
        return
    stored = stored_bytes(connection, key.name)
    if stored + size > key.limits.stored_bytes:
        message = f"the API key {key.name!r} may store {key.limits.stored_bytes} bytes and stores {stored}"
        raise QuotaReached(f"{message}; {size} more are too many: delete files", MAX_RETRY_SECONDS)


def stored_bytes(connection: Connection, name: str) -> int:
    """Return the bytes of the files that came with the key of a name."""
    return int(
        connection.execute(
            select(func.coalesce(func.sum(FILES.c.bytes), 0)).where(FILES.c.api_key == name)
        ).scalar_one()
    )
