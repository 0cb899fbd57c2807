"""Models in object stores: a folder, and S3 on a real port."""

import sys
from pathlib import Path

import pytest

from app.storage.replication.fetch import fetch_model
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE
from models.errors import CheckpointExists, CheckpointNotFound, InvalidInput
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
    monkeypatch.setattr(store, "_create", lambda model, file, data: file != CARD_FILE and create(model, file, data))
    store.push(folder, "words@1")
    assert store.states() == ({}, set())
    monkeypatch.undo()
    assert store.push(folder, "words@1")
    assert list(store.states()[0]) == ["words@1"]


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
