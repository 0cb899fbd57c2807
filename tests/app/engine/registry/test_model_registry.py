"""The models that are served: what is published, what is broken, what is gone, under traffic and without a failure."""

import asyncio
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
from app.engine.registry import known_versions
from app.engine.registry.model_memory import MemoryLimits
from app.engine.registry.model_registry import ModelRegistry
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.repository import CheckpointRef
from models.composite.mixture import MixtureModel
from models.errors import CheckpointDamaged, CheckpointNotFound
from tests.helpers.serving import Server, get, metrics, ngram, post, publish, publish_mixture, serving, stream, wait_for


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
    monkeypatch.setattr(known_versions, "RETRY_SECONDS", 0.0)
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


# --- what is loaded when


def lazy(root: Path, **limits: object) -> tuple[ModelRegistry, list[str]]:
    """A registry that has looked at the folder, and the models that it has loaded and will load."""
    opened: list[str] = []

    def watched(path: Path) -> Checkpoint:
        opened.append(f"{path.parent.name}@{path.name}")
        return load(path, find_loaded=registry.loaded_checkpoint)

    registry = ModelRegistry(root, watched, MemoryLimits(**limits))
    registry.refresh()
    return registry, opened


def test_registry_loads_what_is_asked_for(root: Path) -> None:
    publish(root, "other", ngram(order=1))
    registry, opened = lazy(root, preload=0)
    assert opened == []
    assert [published.id for published in registry.snapshot.models] == ["other@1", "words@1"]
    assert registry.get("words").id == "words@1"
    assert registry.get("words@1") is registry.get("words")
    assert (opened, registry.loads) == (["words@1"], 1)
    assert list(registry.snapshot.loaded) == ["words@1"]


def test_registry_preloads_the_newest_versions_and_the_pinned_ones(root: Path) -> None:
    publish(root, "words", ngram(order=3))
    publish(root, "words", ngram(order=1))
    publish(root, "other", ngram(order=1))
    _, opened = lazy(root, preload=2, pinned=frozenset(["words@1"]))
    assert sorted(opened) == ["other@1", "words@1", "words@3"]


def test_registry_loads_a_model_once_however_many_ask(root: Path) -> None:
    registry, opened = lazy(root, preload=0)

    async def ask() -> set[int]:
        served = await asyncio.gather(*[registry.get_soon("words") for _ in range(50)])
        return set(map(id, served))

    assert len(asyncio.run(ask())) == 1
    assert opened == ["words@1"]


def test_registry_leaves_the_event_loop_alone_while_it_loads(root: Path) -> None:
    publish(root, "other", ngram(order=1))
    begun, go = threading.Event(), threading.Event()

    def slow(path: Path) -> Checkpoint:
        begun.set()
        assert go.wait(30)
        return load(path)

    registry = ModelRegistry(root, slow, MemoryLimits(preload=0))
    registry.refresh()

    async def ask() -> list[str]:
        asked = [asyncio.create_task(registry.get_soon(name)) for name in ("words", "words", "other")]
        await asyncio.to_thread(begun.wait)
        asked[0].cancel()  # a client that hangs up leaves the others what they wait for
        await asyncio.sleep(0)
        go.set()
        return [(await task).id for task in asked[1:]]

    assert asyncio.run(ask()) == ["words@1", "other@1"]
    assert registry.loads == 2


def test_registry_finds_damage_when_it_is_asked_and_means_an_older_version(root: Path) -> None:
    shutil.copytree(root / "words" / "1", root / "words" / "2")
    damage(root / "words" / "2")
    registry, opened = lazy(root, preload=0)
    assert registry.find("words").id == "words@2"
    assert asyncio.run(registry.get_soon("words")).id == "words@1"
    assert opened == ["words@2", "words@1"]
    assert list(registry.snapshot.problems) == ["words@2"]
    for ask in (registry.get, registry.find):
        with pytest.raises(CheckpointDamaged, match="words@2"):
            ask("words@2")
    # Repaired, it is loaded at once.
    shutil.copy(root / "words" / "1" / "weights.safetensors", root / "words" / "2")
    registry.refresh()
    assert registry.get("words").id == "words@2"


def test_registry_notes_a_card_that_cannot_be_read_without_being_asked(root: Path) -> None:
    (root / "words" / "1" / "card.json").write_text("{")
    registry, _ = lazy(root, preload=0)
    assert "words/1/card.json" in registry.snapshot.problems["words@1"]


def test_registry_loads_members_for_a_composite(root: Path) -> None:
    mixture(root, publish(root, "words", ngram(order=3)), publish(root, "more", ngram(order=1)))
    registry, opened = lazy(root, preload=0)
    mixed = registry.get("all").checkpoint.model
    assert opened == ["all@1", "words@2", "more@1"]
    assert isinstance(mixed, MixtureModel)
    assert list(mixed.members) == [registry.get(name).checkpoint.model for name in ("words@2", "more@1")]
    assert len(opened) == 3


def test_registry_lets_go_of_models_and_loads_them_again(root: Path) -> None:
    publish(root, "other", ngram(order=1))
    registry, opened = lazy(root, preload=0, max_bytes=0)
    first = registry.get("words")
    registry.get("other")
    assert list(registry.snapshot.loaded) == ["other@1"]
    assert registry.get("words") is not first
    assert opened == ["words@1", "other@1", "words@1"]
    assert (registry.loads, registry.evictions) == (3, 2)
    assert first.checkpoint.model.vocabulary_size > 0  # a request that has it goes on


def test_registry_loads_a_new_version_of_what_is_in_memory_before_the_name_means_it(root: Path) -> None:
    publish(root, "other", ngram(order=1))
    registry, opened = lazy(root, preload=0)
    registry.get("words")
    publish(root, "words", ngram(order=3))
    publish(root, "other", ngram(order=3))
    registry.refresh()
    assert opened == ["words@1", "words@2"]
    assert registry.find("other").id == "other@2"


def test_registry_looks_anew_at_what_changes_before_it_is_loaded(root: Path) -> None:
    registry, _ = lazy(root, preload=0)
    shutil.rmtree(root / "words" / "1")
    publish(root, "words", ngram(order=1), version=1)
    registry.refresh()
    assert registry.get("words").checkpoint.card.config["order"] == 1


def test_registry_does_not_keep_what_changes_while_it_is_loaded(root: Path) -> None:
    loads: list[int] = []

    def changing(path: Path) -> Checkpoint:
        checkpoint = load(path)
        loads.append(checkpoint.card.config["order"])
        if len(loads) == 1:
            shutil.rmtree(root / "words" / "1")
            publish(root, "words", ngram(order=1), version=1)
            registry.refresh()
        return checkpoint

    registry = ModelRegistry(root, changing, MemoryLimits(preload=0))
    registry.refresh()
    assert registry.get("words").checkpoint.card.config["order"] == 1
    assert loads == [2, 1]


def test_registry_names_a_few_near_models_of_many(root: Path) -> None:
    card = json.loads((root / "words" / "1" / "card.json").read_text())
    for number in range(40):
        (root / f"model-{number}" / "1").mkdir(parents=True)
        (root / f"model-{number}" / "1" / "card.json").write_text(json.dumps(card))
    registry, _ = lazy(root, preload=0)
    with pytest.raises(CheckpointNotFound) as caught:
        registry.get("wordz")
    assert str(caught.value) == "there is no model 'wordz'; of 41 models the nearest are: words@1"
    with pytest.raises(CheckpointNotFound, match="there are 41 others"):
        registry.get("qqqq")


def test_registry_loads_nothing_once_it_is_closed(root: Path) -> None:
    registry, _ = lazy(root, preload=0)
    registry.close()
    with pytest.raises(ModelLoading, match="going down"):
        registry.get("words")
    publish(root, "words", ngram(order=3))
    registry.refresh()


def test_server_answers_for_models_that_are_not_in_memory(tmp_path: Path) -> None:
    root = tmp_path / "models"
    for name in ("one", "two", "three"):
        publish(root, name, ngram(order=2))
    with serving(root, preload_models=1, pinned_models="three", model_memory_bytes=0) as server:
        ready = get(f"{server.url}/health/ready").json()
        assert (ready["models"], ready["loading"]) == (["one@1", "three@1", "two@1"], [])
        listed = get(f"{server.url}/v1/models").json()["data"]
        assert [model["id"] for model in listed if model["loaded"]] == ["three@1"]
        with ThreadPoolExecutor(6) as pool:
            urls = [f"{server.url}/v1/models/{name}/next" for name in ("one", "two") * 6]
            answers = list(pool.map(lambda url: post(url, json={"context": "the"}), urls))
        assert {answer.status_code for answer in answers} == {200}
        found = metrics(server.url)
        assert found["nextword_models loaded"] == 2
        assert found["nextword_models idle"] == 1
        assert found["nextword_model_loads_total"] - found["nextword_model_evictions_total"] == 2
        assert found["nextword_loaded_bytes"] > 0
        assert post(f"{server.url}/v1/models/none/next", json={}).status_code == 404
