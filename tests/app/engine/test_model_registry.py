"""The models that are served: what is published, what is broken, what is gone, under traffic and without a failure."""

import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.core.exceptions import ModelLoading
from app.engine import model_registry
from app.engine.model_registry import ModelRegistry
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.repository import CheckpointRef
from models.composite.mixture import MixtureModel
from models.errors import CheckpointDamaged, CheckpointNotFound
from tests.helpers.serving import Server, get, ngram, post, publish, publish_mixture, serving, stream, wait_for


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish(tmp_path / "models", "words", ngram(order=2))
    return tmp_path / "models"


def damage(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"not weights")


def test_registry_means_the_newest_version_by_a_name(root: Path) -> None:
    registry = ModelRegistry(root, load)
    with pytest.raises(ModelLoading):
        registry.get("words")
    registry.refresh()
    first = registry.get("words")
    assert first is registry.get("words@1")
    publish(root, "words", ngram(order=3))
    assert registry.get("words") is first
    registry.refresh()
    assert registry.get("words").id == "words@2"
    assert registry.get("words@1") is first


def test_registry_sorts_versions_as_numbers(root: Path) -> None:
    shutil.copytree(root / "words" / "1", root / "words" / "10")
    shutil.copytree(root / "words" / "1", root / "words" / "9")
    registry = ModelRegistry(root, load)
    registry.refresh()
    assert registry.get("words").id == "words@10"
    assert [served.id for served in registry.snapshot.models] == ["words@1", "words@9", "words@10"]


def test_registry_loads_the_newest_version_of_each_name_first(root: Path) -> None:
    publish(root, "words", ngram(order=3))
    publish(root, "other", ngram(order=1))
    opened: list[str] = []
    waiting: list[tuple[str, ...]] = []

    def watched(path: Path):
        waiting.append(registry.snapshot.loading)
        opened.append(f"{path.parent.name}@{path.name}")
        return load(path)

    registry = ModelRegistry(root, watched)
    registry.refresh()
    assert set(opened[:2]) == {"words@2", "other@1"}
    assert opened[2] == "words@1"
    assert [len(names) for names in waiting] == [3, 2, 1]
    assert registry.snapshot.loading == ()


def test_registry_logs_a_broken_version_once_and_keeps_the_old_one(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(root / "words" / "1", root / "words" / "2")
    damage(root / "words" / "2")
    registry = ModelRegistry(root, load)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            registry.refresh()
    assert registry.get("words").id == "words@1"
    assert list(registry.snapshot.problems) == ["words@2"]
    assert "weights.safetensors" in registry.snapshot.problems["words@2"]
    assert len(caplog.records) == 1
    with pytest.raises(CheckpointDamaged, match="words@2"):
        registry.get("words@2")
    # Repaired, it is served.
    shutil.copy(root / "words" / "1" / "weights.safetensors", root / "words" / "2")
    registry.refresh()
    assert registry.get("words").id == "words@2"
    assert registry.snapshot.problems == {}


def test_registry_does_not_serve_a_version_that_is_known_to_be_damaged(root: Path) -> None:
    publish(root, "words", ngram(order=3))
    registry = ModelRegistry(root, load)
    registry.refresh()
    first = registry.get("words@1")
    (root / "words" / "2" / "card.json").write_text("{")
    registry.refresh()
    with pytest.raises(CheckpointDamaged, match=r"words@2.* words/2/card\.json"):
        registry.get("words@2")
    assert registry.get("words") is first
    assert list(registry.snapshot.problems) == ["words@2"]


def test_registry_serves_on_what_cannot_be_read_for_a_while(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = []

    def unlucky(path: Path) -> Checkpoint:
        if errors:
            raise errors.pop()
        return load(path)

    registry = ModelRegistry(root, unlucky)
    registry.refresh()
    before = registry.get("words")
    errors.append(OSError(5, "Input/output error", str(root)))
    os.utime(root / "words" / "1" / "card.json")
    registry.refresh()
    assert registry.get("words") is before
    assert registry.snapshot.problems == {"words@1": "it cannot be loaded: Input/output error"}
    monkeypatch.setattr(model_registry, "RETRY_SECONDS", 0.0)
    errors.append(MemoryError())
    os.utime(root / "words" / "1" / "card.json")
    registry.refresh()
    assert registry.snapshot.problems == {"words@1": "it cannot be loaded"}
    registry.refresh()  # nothing has changed, but its time has come
    assert registry.snapshot.problems == {}


def test_registry_does_not_serve_what_is_gone(root: Path) -> None:
    registry = ModelRegistry(root, load)
    registry.refresh()
    shutil.rmtree(root / "words")
    registry.refresh()
    with pytest.raises(CheckpointNotFound, match="there are: none"):
        registry.get("words")
    shutil.rmtree(root)
    registry.refresh()
    assert registry.snapshot.models == ()


def mixture(root: Path, *members: CheckpointRef) -> CheckpointRef:
    return publish_mixture(root, "all", *(member.id for member in members))


def test_registry_loads_a_mixture_after_its_members_and_shares_them(root: Path) -> None:
    mixture(root, publish(root, "words", ngram(order=3)), publish(root, "more", ngram(order=1)))
    registry = ModelRegistry(root, lambda path: load(path, find_loaded=registry.loaded_checkpoint))
    registry.refresh()
    members = [registry.get(name).checkpoint.model for name in ("words@2", "more@1")]
    mixed = registry.get("all").checkpoint.model
    assert isinstance(mixed, MixtureModel)
    assert list(mixed.members) == members


def test_registry_tries_a_mixture_again_when_a_member_comes_or_changes(root: Path) -> None:
    first = mixture(root, publish(root, "words", ngram(order=3)), publish(root, "more", ngram(order=1)))
    mixture(root, first, publish(root, "third", ngram(order=1)))
    aside = root.parent / "aside"
    shutil.move(root / "more", aside)
    registry = ModelRegistry(root, load)
    registry.refresh()
    assert list(registry.snapshot.problems) == ["all@1", "all@2"]
    assert "member more@1 is missing" in registry.snapshot.problems["all@1"]
    shutil.move(aside, root / "more")
    registry.refresh()
    assert (registry.get("all").id, registry.snapshot.problems) == ("all@2", {})
    card = root / "more" / "1" / "card.json"
    card.write_text(card.read_text() + "\n")
    registry.refresh()
    with pytest.raises(CheckpointDamaged):
        registry.get("all")
    assert "member more@1 is not the one" in registry.snapshot.problems["all@1"]


def test_registry_ends_with_cards_that_name_each_other(root: Path) -> None:
    shutil.copytree(root / "words" / "1", root / "words" / "2")
    for version, other in ((1, 2), (2, 1)):
        file = root / "words" / str(version) / "card.json"
        members = [{"model": f"words@{other}", "sha256": "0" * 64}]
        file.write_text(json.dumps({**json.loads(file.read_text()), "kind": "mixture", "members": members}))
    registry = ModelRegistry(root, load)
    registry.refresh()
    assert sorted(registry.snapshot.problems) == ["words@1", "words@2"]


# --- under traffic

SOON = 10.0
"""Seconds that a busy machine may take for what takes less than two on one that is not."""


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    with serving(root, reload_seconds=0.5) as running:
        yield running


class Traffic:
    """Clients that ask without a pause, and remember what they got."""

    def __init__(self, server: Server, clients: int = 4) -> None:
        self.answers: list[tuple[int, str]] = []
        self._url = f"{server.url}/v1/models/words/"
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._clients = [self._pool.submit(self._ask) for _ in range(clients)]

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._stopped.is_set():
                answer = client.post("next", json={"context": "the"})
                self.answers.append((answer.status_code, answer.json().get("model")))
                answer = client.post("generate", json={"max_tokens": 5})
                self.answers.append((answer.status_code, answer.json().get("model")))

    def stop(self) -> None:
        self._stopped.set()
        for client in self._clients:
            client.result()
        self._pool.shutdown()


def test_registry_serves_a_model_published_under_traffic_within_two_seconds(server: Server, root: Path) -> None:
    traffic = Traffic(server)
    try:
        wait_for(lambda: len(traffic.answers) > 20)
        publish(root, "words", ngram(order=4))
        wait_for(lambda: traffic.answers[-1] == (200, "words@2"), seconds=SOON)
        shutil.copytree(root / "words" / "1", root / ".words-3")
        damage(root / ".words-3")
        (root / ".words-3").rename(root / "words" / "3")
        wait_for(lambda: get(f"{server.url}/v1/models").json()["problems"], seconds=SOON)
        seen = len(traffic.answers)
        wait_for(lambda: len(traffic.answers) > seen + 20)
        assert traffic.answers[-1] == (200, "words@2")
    finally:
        traffic.stop()
    assert {status for status, _ in traffic.answers} == {200}
    assert {model for _, model in traffic.answers} == {"words@1", "words@2"}
    ready = get(f"{server.url}/health/ready").json()
    assert ready["problems"][0]["id"] == "words@3"
    answer = post(f"{server.url}/v1/models/words@3/next", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unusable")


def test_registry_lets_a_text_be_finished_by_the_model_that_began_it(tmp_path: Path) -> None:
    root = tmp_path / "models"
    publish(root, "words", ngram(order=2))
    with serving(root, max_tokens=10**6) as server:
        url = f"{server.url}/v1/models/words/generate"
        body = {"max_tokens": 3000, "ignore_end": True, "stream": True, "seed": 1}
        with stream("POST", url, json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            shutil.rmtree(root / "words")
            wait_for(lambda: post(url, json={}).status_code == 404, seconds=SOON)
            rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert all('"model":"words@1"' in line for line in rest[:-1])
