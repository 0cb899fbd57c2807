"""Uploaded files of machines that share an object store: each has what another received."""

import hashlib
import shutil
from pathlib import Path

import pytest

from app.core.exceptions import NotFound, StoreUnavailable
from app.storage.database import Database
from app.storage.file_store import FileStore, ResultDigest
from app.storage.replication.objects import Objects
from app.storage.replication.shared_files import SharedFiles
from tests.app.storage.test_file_store import TEXT, put, stored
from tests.helpers.serving import post, serving


@pytest.fixture
def shared(store_url: str) -> SharedFiles:
    return SharedFiles(Objects(store_url))


@pytest.fixture
def machines(shared: SharedFiles, database: Database, tmp_path: Path) -> list[FileStore]:
    return [FileStore(database, tmp_path / name, 1000, shared=shared) for name in ("one", "two")]


def test_file_of_one_machine_is_read_at_the_other(machines: list[FileStore], shared: SharedFiles) -> None:
    one, two = machines
    file = put(one)
    assert stored(two) == []
    assert two.path(file.id).read_bytes() == TEXT
    assert shared.hashes() == {file.sha256}
    assert [path.name for path in stored(two)] == [file.sha256]


def test_file_that_is_deleted_at_one_machine_goes_everywhere(machines: list[FileStore], shared: SharedFiles) -> None:
    one, two = machines
    file, other = put(one), put(one, b"other", "other.txt")
    two.path(file.id), two.path(other.id)
    one.delete(file.id)
    assert shared.hashes() == {other.sha256}
    with pytest.raises(NotFound):
        two.path(file.id)
    two.share_missing()
    assert [path.name for path in stored(two)] == [other.sha256]


def test_share_missing_puts_files_of_before_there_was_a_store(
    machines: list[FileStore], database: Database, shared: SharedFiles
) -> None:
    one, two = machines
    file = put(FileStore(database, one.directory, 1000))
    with pytest.raises(StoreUnavailable, match=file.sha256):
        two.path(file.id)
    one.share_missing()
    assert two.path(file.id).read_bytes() == TEXT


def test_fetch_refuses_what_was_altered_on_the_way(
    machines: list[FileStore], shared: SharedFiles, tmp_path: Path
) -> None:
    one, two = machines
    file = put(one)
    (tmp_path / "other").write_bytes(bytes(len(TEXT)))
    shared._objects.put(f".files/{file.sha256}", tmp_path / "other")
    with pytest.raises(StoreUnavailable, match="altered"):
        two.path(file.id)
    assert stored(two) == []


def test_put_sends_bytes_once(shared: SharedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_bytes(TEXT)
    sha256 = hashlib.sha256(TEXT).hexdigest()
    shared.put(sha256, tmp_path / "text")
    monkeypatch.setattr(shared._objects, "put", lambda *_: pytest.fail("they are there"))
    shared.put(sha256, tmp_path / "text")


def test_result_of_two_jobs_at_once_is_stored_for_both(database: Database, tmp_path: Path) -> None:
    class Slow:
        """A store that takes so long for the first job's result that another job makes the same meanwhile."""

        def __init__(self) -> None:
            self.puts = 0

        def put(self, sha256: str, path: Path) -> None:
            self.puts += 1
            if self.puts == 1:
                store("second")
            assert path.read_bytes() == TEXT

    def store(job_id: str) -> str:
        (tmp_path / job_id).write_bytes(TEXT)
        return files.store_result(tmp_path / job_id, "made.jsonl", digest, job_id).id

    files = FileStore(database, tmp_path / "files", 1000, shared=Slow())
    digest = ResultDigest(hashlib.sha256(TEXT).hexdigest(), len(TEXT), len(TEXT))
    assert store("first") == store("third")
    assert [path.name for path in stored(files)] == [digest.sha256]


def test_upload_is_refused_while_the_store_does_not_answer(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with serving(tmp_path / "models", store=f"file://{folder}", data=tmp_path / "data") as server:
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("no folder")
        refused = post(f"{server.url}/v1/files", content=TEXT)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
        assert refused.headers["retry-after"] == "2"
        assert str(folder) not in refused.text
        folder.unlink()
        folder.mkdir()
        assert post(f"{server.url}/v1/files", content=TEXT).status_code == 201
