"""Folders that follow one object store: what one publishes or deletes, the others have or lack."""

import logging
from pathlib import Path

import httpx
import pytest

from app.storage.published_models import delete_version
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.replica import Replica
from models.checkpoint.repository import list_checkpoints, next_version
from tests.helpers.serving import metrics, ngram, post, publish, publish_mixture, serving, wait_for


class Machine:
    """A folder of models and what its replica has done."""

    def __init__(self, root: Path, store: ObjectStore) -> None:
        self.root, self.done = root, []
        self.replica = Replica(store, root, self.done.append)

    def sync(self) -> list[str]:
        self.done.clear()
        self.replica.sync()
        return list(self.done)

    @property
    def models(self) -> list[str]:
        return [ref.id for ref in list_checkpoints(self.root)]


@pytest.fixture
def machines(store: ObjectStore, tmp_path: Path) -> list[Machine]:
    return [Machine(tmp_path / name, store) for name in ("one", "two")]


def test_replica_gives_what_one_machine_publishes_to_the_other(machines: list[Machine]) -> None:
    one, two = machines
    publish(one.root, "words", ngram())
    publish(one.root, "other", ngram(order=1))
    publish_mixture(one.root, "mix", "words", "other")
    assert one.sync() == ["pushed"] * 3
    assert sorted(two.sync()) == ["fetched"] * len(two.done)
    assert two.models == one.models == ["mix@1", "other@1", "words@1"]
    publish(two.root, "words", ngram(order=2))
    assert (two.sync(), one.sync()) == (["pushed"], ["fetched"])
    assert one.models == two.models
    assert one.sync() == two.sync() == []


def test_replica_deletes_what_the_other_has_deleted(
    machines: list[Machine], tmp_path: Path, store: ObjectStore
) -> None:
    one, two = machines
    publish(one.root, "words", ngram())
    one.sync()
    two.sync()
    delete_version(two.root, "words", 1)
    assert (two.sync(), one.sync(), two.sync()) == (["deleted"], ["deleted"], [])
    assert one.models == two.models == []
    late = Machine(tmp_path / "late", store)
    assert late.sync() == []
    assert next_version(late.root / "words") == 2  # the number stays taken


def test_replica_leaves_alone_what_is_another_model_there(
    machines: list[Machine], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = machines
    publish(one.root, "words", ngram())
    publish(two.root, "words", ngram(order=1))
    publish(two.root, "more", ngram(order=1))
    one.sync()
    before = (two.root / "words" / "1" / "card.json").read_bytes()
    with caplog.at_level(logging.ERROR):
        assert two.sync() == ["pushed"]
    assert "words@1 is not copied: it is another model in " in caplog.text
    assert caplog.text.count("is not copied") == 1  # of those that are the same nothing is said
    assert (two.root / "words" / "1" / "card.json").read_bytes() == before


@pytest.mark.parametrize("content", [b"x", None])
def test_replica_is_stopped_by_no_damaged_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    store = ObjectStore(f"file://{tmp_path}/store")
    one, two = (Machine(tmp_path / name, store) for name in ("one", "two"))
    publish(one.root, "bad", ngram())
    publish(one.root, "good", ngram(order=1))
    one.sync()
    weights = tmp_path / "store" / "bad" / "1" / "weights.safetensors"
    weights.write_bytes(content or bytes(weights.stat().st_size))
    assert two.sync() == ["fetched"]
    assert two.models == ["good@1"]
    assert "bad@1 is not copied: " in caplog.text
    caplog.clear()
    assert two.sync() == []
    assert caplog.text == ""  # not tried again at once


def test_replica_leaves_a_folder_to_the_process_that_is_at_it(tmp_path: Path) -> None:
    store = ObjectStore(f"file://{tmp_path}/store")
    one, two = Machine(tmp_path / "one", store), Machine(tmp_path / "one", store)
    publish(one.root, "words", ngram())
    with two.replica._lock() as is_ours:
        assert is_ours
        assert one.sync() == []
    assert one.sync() == ["pushed"]


def test_replica_makes_a_server_serve_what_another_machine_publishes(store_url: str, tmp_path: Path) -> None:
    publish(tmp_path / "one", "words", ngram())
    options = {"store": store_url, "store_seconds": 0.1}
    with serving(tmp_path / "one", **options), serving(tmp_path / "two", **options) as two:
        wait_for(lambda: httpx.get(f"{two.url}/v1/models/words", timeout=60).status_code == 200)
        assert post(f"{two.url}/v1/models/words/next", json={"context": "the"}).status_code == 200
        assert metrics(two.url)["nextword_replications_total fetched"] == 1
