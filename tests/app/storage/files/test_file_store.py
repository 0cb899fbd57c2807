"""Uploaded files: stored once, listed, and not deleted while a job needs them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core.exceptions import Conflict, FileInUse, LeaseLost, NotFound
from app.jobs.job import NewJob
from app.jobs.leases import Lease, LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.files import file_store
from app.storage.files.file_store import RESULT_PURPOSE, FileStore, ResultDigest, StoredFile
from app.storage.files.sample_file import SAMPLE_ID, SAMPLE_TEXT
from models.errors import InvalidText

TEXT = b"a b c\n"


@pytest.fixture
def files(database: Database, tmp_path: Path) -> FileStore:
    return FileStore(database, tmp_path / "files", 1000)


def put(files: FileStore, data: bytes = TEXT, filename: str = "a.txt", purpose: str = "training") -> StoredFile:
    with files.begin_upload() as upload:
        upload.write(data)
        return files.store_upload(upload, filename, purpose)


def stored(files: FileStore) -> list[Path]:
    return [path for path in files.directory.rglob("*") if path.is_file()]


def test_store_upload_keeps_a_file_byte_for_byte(files: FileStore) -> None:
    file = put(files)
    assert (file.bytes, file.filename, file.purpose) == (6, "a.txt", "training")
    assert files.get(file.id) == file
    assert files.path(file.id).read_bytes() == TEXT


def test_store_upload_of_the_same_file_returns_it(files: FileStore) -> None:
    assert put(files) == put(files)
    assert len(files.page(None, None, 10)[0]) == 1


def test_store_upload_keeps_equal_bytes_once(files: FileStore) -> None:
    first, second = put(files), put(files, filename="b.txt")
    assert first.id != second.id
    assert len(stored(files)) == 1
    files.delete(first.id)
    assert files.path(second.id).read_bytes() == TEXT
    files.delete(second.id)
    assert stored(files) == []


def claim(files: FileStore) -> tuple[str, int]:
    """The id of a new job and its lease."""
    JobStore(files.database).create(NewJob("select", {}, {}))
    job, lease = LeaseStore(files.database).claim("here", 60) or pytest.fail("nothing to claim")
    return job.id, lease.fencing_token


def made(tmp_path: Path, data: bytes) -> tuple[Path, ResultDigest]:
    path = tmp_path / "made.jsonl"
    path.write_bytes(data)
    return path, ResultDigest(hashlib.sha256(data).hexdigest(), len(data), 10 * len(data))


def test_store_result_moves_the_file_of_a_job(files: FileStore, tmp_path: Path) -> None:
    (path, digest), attempt = made(tmp_path, TEXT), claim(files)
    file = files.store_result(path, "made.jsonl", digest, *attempt)
    assert (file.purpose, file.bytes, file.content_bytes) == (RESULT_PURPOSE, len(TEXT), 10 * len(TEXT))
    assert files.path(file.id).read_bytes() == TEXT
    assert not path.exists()
    again, digest = made(tmp_path, TEXT)
    assert files.store_result(again, "made.jsonl", digest, *attempt).id == file.id
    assert stored(files) == [files.path(file.id)]


@pytest.mark.parametrize("moved", [False, True])
def test_store_result_may_be_repeated(files: FileStore, tmp_path: Path, moved: bool) -> None:
    (path, digest), attempt = made(tmp_path, TEXT), claim(files)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(file_store, "insert" if moved else "select", None)
        with pytest.raises(TypeError):
            files.store_result(path, "made.jsonl", digest, *attempt)
    assert not path.exists()
    file = files.store_result(path, "made.jsonl", digest, *attempt)
    assert files.path(file.id).read_bytes() == TEXT


def test_store_result_copies_from_another_disk(
    files: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path, digest), attempt = made(tmp_path, TEXT), claim(files)
    replace = Path.replace

    def across(self: Path, target: Path) -> Path:
        if self == path:
            raise OSError(errno.EXDEV, "another disk")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", across)
    assert files.path(files.store_result(path, "made.jsonl", digest, *attempt).id).read_bytes() == TEXT


def test_store_result_refuses_an_attempt_that_lost_its_lease(files: FileStore, tmp_path: Path) -> None:
    (path, digest), (job_id, lease) = made(tmp_path, TEXT), claim(files)
    with pytest.raises(LeaseLost):
        files.store_result(path, "made.jsonl", digest, job_id, lease - 1)
    assert files.page(None, None, 10) == ([], False)
    LeaseStore(files.database).fail(Lease(job_id, lease), "not_published", "no room")
    with pytest.raises(LeaseLost):
        files.store_result(path, "made.jsonl", digest, job_id, lease)
    assert files.page(None, None, 10) == ([], False)


def test_get_of_an_unknown_file_raises_not_found(files: FileStore) -> None:
    for look in (files.get, files.path, files.delete):
        with pytest.raises(NotFound, match="file-none"):
            look("file-none")


@pytest.mark.parametrize("size", [1, 3, 100])
def test_upload_takes_an_array_in_pieces_of_any_size(files: FileStore, size: int) -> None:
    data = b"\x93NUMPY\x01\x00v\x00 any bytes \xff\xfe"
    with files.begin_upload() as upload:
        for begin in range(0, len(data), size):
            upload.write(data[begin : begin + size])
        file = files.store_upload(upload, "v.npy", "vectors")
    assert files.path(file.id).read_bytes() == data
    assert file.bytes == len(data)


def test_upload_refuses_what_only_begins_like_an_array(files: FileStore) -> None:
    with pytest.raises(InvalidText, match="byte at offset 0 is not"):
        put(files, b"\x93NUM")
    assert stored(files) == []


def test_upload_that_breaks_off_leaves_nothing(files: FileStore) -> None:
    def break_off() -> None:
        with files.begin_upload() as upload:
            upload.write(TEXT)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    assert stored(files) == []


def test_remove_stale_uploads_spares_recent_ones(files: FileStore) -> None:
    put(files)
    for age, name in ((0, "new"), (2 * 24 * 3600, "old")):
        path = files.directory / "incoming" / name
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    files.remove_stale_uploads()
    assert [path.name for path in (files.directory / "incoming").iterdir()] == ["new"]


def test_page_runs_from_newest_to_oldest_by_purpose(files: FileStore) -> None:
    files_in_order = [put(files, f"{n}".encode(), purpose=purpose) for n, purpose in enumerate(["a", "b", "a", "a"])]
    expected = [files_in_order[3], files_in_order[2], files_in_order[0]]
    assert files.page("a", None, 2) == (expected[:2], True)
    assert files.page("a", expected[1].id, 2) == (expected[2:], False)


def test_delete_refuses_a_file_that_a_queued_job_needs(files: FileStore, database: Database) -> None:
    training, validation, vectors = put(files), put(files, b"b"), put(files, b"c")
    jobs = JobStore(database)
    ids = {"training_file": training.id, "validation_file": validation.id}
    job = jobs.create(NewJob("ngram", {}, {}, name="demo", **ids, more_files={"vectors_file": vectors.id}))
    for file in (training, validation, vectors):
        with pytest.raises(FileInUse, match=job.id):
            files.delete(file.id)
    jobs.cancel(job.id)
    files.delete(training.id)
    files.delete(vectors.id)
    assert jobs.get(job.id).training_file == training.id
    assert jobs.get(job.id).more_files == {"vectors_file": vectors.id}


def test_file_store_never_loses_bytes_to_concurrent_deletions(files: FileStore) -> None:
    def come_and_go(n: int) -> None:
        file = put(files, filename=f"{n % 3}.txt")
        if n % 2:
            with contextlib.suppress(NotFound):  # another thread may have been faster
                files.delete(file.id)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(come_and_go, range(30)))
    remaining = files.page(None, None, 100)[0]
    assert all(files.path(file.id).read_bytes() == TEXT for file in remaining)
    assert len(stored(files)) == bool(remaining)


def test_add_sample_by_several_processes_at_once_adds_one_file(files: FileStore, tmp_path: Path) -> None:
    stores = [FileStore(files.database, tmp_path / "files", 1000) for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(FileStore.add_sample, stores))
    files.add_sample()
    assert [file.id for file in files.page(None, None, 10)[0]] == [SAMPLE_ID]
    assert files.path(SAMPLE_ID).read_bytes() == SAMPLE_TEXT.read_bytes()
    assert len(stored(files)) == 1


def test_add_sample_replaces_that_of_another_version(
    files: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emma.txt").write_bytes(TEXT)
    with monkeypatch.context() as earlier:
        earlier.setattr("app.storage.files.file_store.SAMPLE_TEXT", tmp_path / "emma.txt")
        files.add_sample()
        assert files.path(SAMPLE_ID).read_bytes() == TEXT
    files.add_sample()
    assert files.path(SAMPLE_ID).read_bytes() == SAMPLE_TEXT.read_bytes()
    assert len(stored(files)) == 1


def test_add_sample_writes_bytes_that_are_lost(files: FileStore) -> None:
    files.add_sample()
    files.path(SAMPLE_ID).unlink()
    files.add_sample()
    assert files.path(SAMPLE_ID).read_bytes() == SAMPLE_TEXT.read_bytes()


def test_delete_of_the_sample_is_refused(files: FileStore) -> None:
    files.add_sample()
    with pytest.raises(Conflict, match="cannot be deleted"):
        files.delete(SAMPLE_ID)
    assert files.get(SAMPLE_ID).filename == "emma.txt"
