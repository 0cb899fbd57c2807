"""Quotas of API keys on unfinished jobs and stored bytes, and whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.api_keys import ApiKey, KeyLimits
from app.core.exceptions import QuotaReached
from app.jobs.job import NewJob
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.files.file_store import FileStore, StoredFile

NEW = NewJob("ngram", {"kind": "ngram"}, {}, name="model")


def key(name: str, **limits: int) -> ApiKey:
    return ApiKey(name, name.encode(), frozenset(["train"]), KeyLimits(**limits))


def stored(files: FileStore, content: bytes, owner: ApiKey | None, name: str = "a.txt") -> StoredFile:
    with files.begin_upload() as upload:
        upload.write(content)
        return files.store_upload(upload, name, "training", owner)


def test_job_quota_counts_unfinished_jobs_of_the_key(database: Database) -> None:
    jobs, owner, other = JobStore(database), key("owner", jobs=2), key("other")
    first = jobs.create(NEW, api_key=owner)
    jobs.create(NEW, api_key=owner, key="again")
    with pytest.raises(QuotaReached, match="'owner' may have 2 jobs"):
        jobs.create(NEW, api_key=owner)
    assert jobs.create(NEW, api_key=owner, key="again").version == 2  # no new job
    jobs.create(NEW, api_key=other)
    jobs.create(NEW)
    jobs.cancel(first.id)
    jobs.create(NEW, api_key=owner)


def test_storage_quota_counts_bytes_of_the_key(database: Database, tmp_path: Path) -> None:
    files, owner = FileStore(database, tmp_path, 1000), key("owner", stored_bytes=10)
    first = stored(files, b"six123", owner)
    with pytest.raises(QuotaReached, match="may store 10 bytes and stores 6; 5 more"):
        stored(files, b"five5", owner)
    assert stored(files, b"six123", owner) == first  # the same file
    stored(files, b"four", owner)
    with pytest.raises(QuotaReached):
        files.check_quota(owner, 1)
    files.check_quota(key("other"), 10**9)
    files.check_quota(None, 10**9)
    stored(files, b"five5", None)
    files.delete(first.id)
    files.check_quota(owner, 6)


def test_storage_quota_leaves_no_bytes_behind_that_it_refuses(database: Database, tmp_path: Path) -> None:
    files = FileStore(database, tmp_path / "files", 1000)
    with pytest.raises(QuotaReached):
        stored(files, b"five5", key("owner", stored_bytes=4))
    assert [path for path in files.directory.rglob("*") if path.is_file()] == []
    assert files.page(None, None, 10) == ([], False)
