"""Uploaded files of machines that share an object store: each has what another received."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core.exceptions import LeaseLost, NotFound, StoreUnavailable
from app.jobs.estimates import text_sample
from app.storage.database import Database
from app.storage.files.file_store import FILES_LOCK, FileStore, ResultDigest
from app.storage.replication.objects import Objects
from app.storage.replication.shared_files import SharedFiles
from tests.app.storage.files.test_file_store import TEXT, claim, put, stored
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
                store(attempts[1])
            assert path.read_bytes() == TEXT

    def store(attempt: tuple[str, int]) -> str:
        (tmp_path / attempt[0]).write_bytes(TEXT)
        return files.store_result(tmp_path / attempt[0], "made.jsonl", digest, *attempt).id

    files = FileStore(database, tmp_path / "files", 1000, shared=Slow())
    attempts = [claim(files) for _ in range(3)]
    digest = ResultDigest(hashlib.sha256(TEXT).hexdigest(), len(TEXT), len(TEXT))
    assert store(attempts[0]) == store(attempts[2])
    assert [path.name for path in stored(files)] == [digest.sha256]


class Watched(SharedFiles):
    """Store of which a test says what happens before a call."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)
        self.before: dict[str, Callable[[], None]] = {}
        self.calls: list[str] = []

    def _happen(self, call: str) -> None:
        self.calls.append(call)
        self.before.get(call, lambda: None)()

    def put(self, sha256: str, path: Path) -> None:
        self._happen("put")
        super().put(sha256, path)

    def delete(self, sha256: str) -> None:
        self._happen("delete")
        super().delete(sha256)

    def fetch(self, sha256: str, path: Path) -> None:
        self._happen("fetch")
        super().fetch(sha256, path)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(Objects(f"file://{tmp_path}/store"))


def test_store_is_never_asked_while_others_wait_for_the_table(
    watched: Watched, database: Database, tmp_path: Path
) -> None:
    """A slow store keeps nobody else from storing, listing or deleting files."""

    def write() -> None:
        with database.write(FILES_LOCK):  # from another connection: it would wait for five seconds, and fail
            pass

    files = FileStore(database, tmp_path / "files", 1000, shared=watched)
    watched.before = dict.fromkeys(("put", "delete"), write)
    file = put(files)
    path, attempt = tmp_path / "made", claim(files)
    path.write_bytes(b"made")
    files.store_result(path, "made.jsonl", ResultDigest(hashlib.sha256(b"made").hexdigest(), 4, 4), *attempt)
    files.delete(file.id)
    assert set(watched.calls) == {"put", "delete"}


def test_delete_leaves_bytes_that_are_uploaded_meanwhile(watched: Watched, database: Database, tmp_path: Path) -> None:
    files = FileStore(database, tmp_path / "files", 1000, shared=watched)
    file, again = put(files), []
    watched.before["delete"] = lambda: again.append(put(files))
    files.delete(file.id)
    assert files.path(again[0].id).read_bytes() == TEXT
    assert watched.hashes() == {file.sha256}


def test_store_upload_succeeds_where_the_store_is_away_once_it_is_stored(
    watched: Watched, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def go_away() -> None:
        if watched.calls.count("put") == 2:
            raise StoreUnavailable("it is away")

    files = FileStore(database, tmp_path / "files", 1000, shared=watched)
    watched.before["put"] = go_away
    assert files.path(put(files).id).read_bytes() == TEXT
    assert "may be missing in the object store for now: it is away" in caplog.text


def test_store_result_of_a_lost_attempt_leaves_no_bytes(watched: Watched, database: Database, tmp_path: Path) -> None:
    files = FileStore(database, tmp_path / "files", 1000, shared=watched)
    (tmp_path / "made").write_bytes(TEXT)
    digest, (job_id, lease) = ResultDigest(hashlib.sha256(TEXT).hexdigest(), len(TEXT), len(TEXT)), claim(files)
    with pytest.raises(LeaseLost):
        files.store_result(tmp_path / "made", "made.jsonl", digest, job_id, lease - 1)
    assert (stored(files), watched.hashes()) == ([], set())


def test_path_is_fetched_once_however_many_ask(watched: Watched, database: Database, tmp_path: Path) -> None:
    one, two = (FileStore(database, tmp_path / name, 1000, shared=watched) for name in ("one", "two"))
    file = put(one)
    watched.before["fetch"] = lambda: time.sleep(0.2)  # while all ask
    with ThreadPoolExecutor(8) as threads:
        paths = set(threads.map(lambda _: two.path(file.id), range(8)))
    assert [path.read_bytes() for path in paths] == [TEXT]
    assert watched.calls.count("fetch") == 1
    assert stored(two) == list(paths)


def test_path_that_fails_to_be_fetched_fails_for_all_who_ask(
    watched: Watched, database: Database, tmp_path: Path
) -> None:
    """Else each would wait for the fetches of all before it."""

    def fail() -> None:
        time.sleep(0.3)  # while all ask
        raise StoreUnavailable("it is away")

    def ask(_: int) -> None:
        with pytest.raises(StoreUnavailable):
            two.path(file.id)

    one, two = (FileStore(database, tmp_path / name, 1000, shared=watched) for name in ("one", "two"))
    file = put(one)
    watched.before["fetch"] = fail
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))
    assert watched.calls.count("fetch") <= 2  # one of them may come late
    watched.before.clear()
    assert two.path(file.id).read_bytes() == TEXT


def test_open_reads_parts_of_another_machines_file(machines: list[FileStore], shared: SharedFiles) -> None:
    one, two = machines
    data = bytes(range(97, 123)) * 30
    file = put(one, data)
    with two.open(file.id) as part, one.open(file.id) as local:
        for opened in (part, local):
            assert opened.read(3) == b"abc"
            opened.seek(700)
            assert opened.read(26) == data[700:726]
            assert opened.seek(-2, os.SEEK_END) == len(data) - 2
            assert (opened.read(), opened.read()) == (b"yz", b"")
    assert stored(two) == []
    with two.open(file.id) as part:
        shared.delete(file.sha256)
        with pytest.raises(StoreUnavailable, match=file.sha256):
            part.read()
    with pytest.raises(StoreUnavailable, match=file.sha256):
        two.open(file.id)


def test_job_is_prepared_without_fetching_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that is asked for a job reads samples; the text goes to the machine that does it."""
    monkeypatch.setattr(text_sample, "SAMPLE_BYTES", 1 << 14)
    monkeypatch.setattr(text_sample, "PIECES_SAMPLE_BYTES", 1 << 14)
    place = {"store": f"file://{tmp_path}/store", "database_url": f"sqlite:///{tmp_path}/nextword.db"}
    words = [f"w{number % 977}" for number in range(30_000)]
    text = "\n".join(" ".join(words[i : i + 20]) for i in range(0, len(words), 20)).encode()
    with (
        serving(tmp_path / "m1", data=tmp_path / "one", **place) as one,
        serving(tmp_path / "m2", data=tmp_path / "two", **place) as two,
    ):
        file_id = post(f"{one.url}/v1/files", content=text).json()["id"]
        there = {path for path in (tmp_path / "two").rglob("*") if path.is_file()}
        for request in (
            {"kind": "ngram", "name": "words", "training_file": file_id},
            {"kind": "fill_in", "name": "gaps", "training_file": file_id},
        ):
            answers = [post(f"{server.url}/v1/jobs", json=request) for server in (one, two)]
            assert [answer.status_code for answer in answers] == [202, 202], answers[1].text
            assert answers[0].json()["estimate"] == answers[1].json()["estimate"]
        answer = post(f"{two.url}/v1/jobs", json={"kind": "import", "name": "arpa", "file": file_id})
        assert answer.status_code == 202, answer.text
        assert {path for path in (tmp_path / "two").rglob("*") if path.is_file()} == there


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
