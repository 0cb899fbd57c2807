"""Models in object stores: a folder, and S3 on a real port."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.storage.replication.fetch import fetch_model
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE, Card
from models.errors import CheckpointDamaged, CheckpointExists, CheckpointNotFound, InvalidInput
from tests.helpers.serving import ngram, publish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path / "models", "words", ngram()).path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_object_store_gives_back_what_was_pushed(store: ObjectStore, folder: Path, tmp_path: Path) -> None:
    assert store.states() == ({}, set())
    assert store.push(folder, "words@1")
    assert not store.push(folder, "words@1")
    published, deleted = store.states()
    assert (list(published), deleted) == (["words@1"], set())
    assert store.card("words@1") == (folder / CARD_FILE).read_bytes()
    assert fetch_model(store, tmp_path / "here", "words@1")
    assert files(tmp_path / "here" / "words" / "1") == files(folder)


def test_object_store_reads_from_a_byte_on(store: ObjectStore, folder: Path) -> None:
    store.push(folder, "words@1")
    with store.read("words@1", "weights.safetensors", 1000) as pieces:
        assert b"".join(pieces) == (folder / "weights.safetensors").read_bytes()[1000:]


def test_object_store_keeps_the_first_of_two_models(store: ObjectStore, folder: Path, tmp_path: Path) -> None:
    store.push(folder, "words@1")
    other = publish(tmp_path / "others", "words", ngram(order=1)).path
    with pytest.raises(CheckpointExists, match="words@1 is another model"):
        store.push(other, "words@1")
    assert fetch_model(store, tmp_path / "here", "words@1")
    assert files(tmp_path / "here" / "words" / "1") == files(folder)


def test_object_store_shows_a_model_once_its_card_is_there(store: ObjectStore, folder: Path, monkeypatch) -> None:
    """A machine that is cut off while it publishes leaves no half model, and goes on later."""
    create = store._create

    def cut_off(model: str, file: str, data: bytes) -> bool:
        if file == CARD_FILE:
            raise SourceError("the network is gone")
        return create(model, file, data)

    monkeypatch.setattr(store, "_create", cut_off)
    with pytest.raises(SourceError):
        store.push(folder, "words@1")
    assert store.states() == ({}, set())
    monkeypatch.undo()
    assert store.push(folder, "words@1")
    assert list(store.states()[0]) == ["words@1"]


def write_job(folder: Path, job_id: str | None) -> None:
    """Let the card say that a job made the model."""
    card = Card.read(folder / CARD_FILE)
    (folder / CARD_FILE).chmod(0o600)
    replace(card, provenance=replace(card.provenance, job=job_id)).write(folder / CARD_FILE)


def test_give_up_bars_attempts_of_a_job_from_a_version(store: ObjectStore, folder: Path, tmp_path: Path) -> None:
    write_job(folder, "job-1")
    assert store.give_up("words@1", "job-1") == b""
    with pytest.raises(CheckpointExists, match="given up"):
        store.push(folder, "words@1")
    with pytest.raises(CheckpointNotFound):
        store.card("words@1")
    assert store.states() == ({}, set())
    with pytest.raises(CheckpointNotFound):
        fetch_model(store, tmp_path / "here", "words@1")


def test_give_up_stops_an_attempt_that_sleeps_over_its_push(store: ObjectStore, folder: Path, monkeypatch) -> None:
    write_job(folder, "job-1")
    put, cards = store._objects.put, []

    def sleep(path: str, file: Path) -> None:
        put(path, file)
        cards.append(store.give_up("words@1", "job-1"))

    monkeypatch.setattr(store._objects, "put", sleep)
    with pytest.raises(CheckpointExists, match="given up"):
        store.push(folder, "words@1")
    assert set(cards) == {b""}
    assert store.states() == ({}, set())


def test_give_up_tells_of_a_model_that_was_first(store: ObjectStore, folder: Path) -> None:
    write_job(folder, "job-1")
    store.push(folder, "words@1")
    card = (folder / CARD_FILE).read_bytes()
    for job_id in ("job-1", "job-2"):
        assert store.give_up("words@1", job_id) == card
    assert store.card("words@1") == card
    store.delete("words@1")
    assert store.give_up("words@1", "job-1") == card
    assert store.states() == ({}, {"words@1"})


def test_give_up_leaves_what_another_job_is_publishing(store: ObjectStore, folder: Path, monkeypatch) -> None:
    write_job(folder, "job-1")
    put, cards = store._objects.put, []

    def meet(path: str, file: Path) -> None:
        cards.append(store.give_up("words@1", "job-2"))
        put(path, file)

    monkeypatch.setattr(store._objects, "put", meet)
    assert store.push(folder, "words@1")
    assert set(cards) == {b""}
    assert list(store.states()[0]) == ["words@1"]


def test_remove_broken_takes_away_what_was_begun_long_ago(store: ObjectStore, folder: Path, monkeypatch) -> None:
    def break_off(path: str, file: Path) -> None:
        put(path, file)
        raise SourceError("the network is gone")

    put = store._objects.put
    store.push(folder, "words@1")
    for version in (1, 2):
        store.push(folder, f"deleted@{version}")
    store.delete("deleted@1")
    monkeypatch.setattr(store._objects, "put", break_off)
    with pytest.raises(SourceError):
        store.push(folder, "words@2")
    monkeypatch.undo()
    states = store.states()
    store.remove_broken()
    assert len(list(store._objects.list("words/2"))) == 2  # it may still go on
    store._objects.create("data/2024/table.csv", b"somebody else's")
    store.remove_broken(timedelta(days=-1))
    assert store._objects.content("data/2024/table.csv")
    assert [(found.path, found.size) for found in store._objects.list("words/2")] == [("words/2/card.json", 0)]
    assert store.states() == states
    with pytest.raises(CheckpointExists):
        store.push(folder, "words@2")  # which leaves a claim
    store.remove_broken(timedelta(days=-1))
    assert [found.path for found in store._objects.list("words/2")] == ["words/2/card.json"]


def test_card_that_was_altered_is_refused(store: ObjectStore, folder: Path, tmp_path: Path) -> None:
    """The claim holds its hash; the card holds those of the other files."""
    store.push(folder, "words@1")
    (tmp_path / "card").write_bytes((folder / CARD_FILE).read_bytes().replace(b'"parameters": ', b'"parameters": 1'))
    store._objects.put("words/1/card.json", tmp_path / "card")
    with pytest.raises(CheckpointDamaged, match="was altered"):
        fetch_model(store, tmp_path / "here", "words@1")
    (tmp_path / "claim").write_bytes(b"\xff\x00")
    store._objects.put("words/1/claim", tmp_path / "claim")
    with pytest.raises(CheckpointDamaged, match="was altered"):
        fetch_model(store, tmp_path / "here", "words@1")
    store._objects.delete("words/1/claim")  # as of a model that was copied into the store by other means
    store._objects.put("words/1/card.json", folder / CARD_FILE)
    store._objects.put("words/1/weights.safetensors", folder / "tokenizer.json")
    with pytest.raises(CheckpointDamaged, match="has not come as its card says"):
        fetch_model(store, tmp_path / "here", "words@1")
    assert not (tmp_path / "here" / "words").exists()


def test_states_asks_for_nothing_but_models(store: ObjectStore, folder: Path) -> None:
    """A listing has a thousand objects a request, and uploaded files may be many more."""
    store.push(folder, "words@1")
    store._objects.create(".files/abc", b"")
    store._objects.create(".jobs/job-1/1/state", b"")
    paths = [found.path for found in store._objects.list()]
    assert paths
    assert not [path for path in paths if path.startswith(".")]


def test_object_store_reserves_the_number_of_a_deleted_model(store: ObjectStore, folder: Path) -> None:
    store.push(folder, "words@1")
    store.delete("words@1")
    assert store.states() == ({}, {"words@1"})
    assert not store.push(folder, "words@1")
    assert store.states() == ({}, {"words@1"})
    with pytest.raises(CheckpointNotFound):
        store.card("words@1")


def test_object_store_finds_the_newest_version_of_a_name(store: ObjectStore, folder: Path) -> None:
    for version in (1, 2, 10):
        store.push(folder, f"words@{version}")
    assert [store.find(model) for model in ("words", "words@2")] == ["words@10", "words@2"]
    for model in ("words@3", "other"):
        with pytest.raises(CheckpointNotFound, match=model):
            store.find(model)


def test_object_store_ignores_what_is_no_model(tmp_path: Path) -> None:
    store = ObjectStore(f"file://{tmp_path}")
    for path in ("card.json", "Words/1/card.json", "words/one/card.json", "words/1/2/card.json", "a/b/c/d/e"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    assert store.states() == ({}, set())


def test_object_store_says_that_it_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    store = ObjectStore("s3://bucket/models")
    store._objects._store = store._objects._api.store.S3Store("bucket", retry_config={"max_retries": 0})
    with pytest.raises(SourceError, match="s3://bucket/models"):
        store.states()


@pytest.mark.parametrize("url", ["", "bucket", "ftp://x/y", "s3://id:key@bucket/x", "s3://a b"])
def test_object_store_refuses_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidInput, match="store: must be as s3://bucket/models"):
        ObjectStore(url)


def test_object_store_says_which_library_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(InvalidInput, match="nextword\\[store\\]"):
        ObjectStore("s3://bucket/models")
