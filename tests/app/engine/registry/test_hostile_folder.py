"""A folder of models that others write to: what is odd there harms itself alone."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.checkpoint.card import FileDigest
from models.checkpoint.load import load
from models.ngram.backoff_table import BackoffTable
from models.ngram.model import NgramModel
from models.ngram.trie_builder import pack
from models.utils.files import write_tensors
from tests.helpers.serving import Server, metrics, ngram, publish, publish_mixture, wait_for


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as opened:
        yield opened


def ids(client: httpx.Client) -> list[str]:
    answer = client.get("/v1/models")
    assert answer.status_code == 200, answer.text
    return [model["id"] for model in answer.json()["data"]]


def problems(client: httpx.Client) -> dict[str, str]:
    return {problem["id"]: problem["message"] for problem in client.get("/v1/models").json()["problems"]}


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("error", {}).get("code")


def new_models_come(root: Path, client: httpx.Client, name: str) -> None:
    """Assert that the folder is still watched."""
    publish(root, name, ngram(order=1))
    wait_for(lambda: f"{name}@1" in ids(client))


def test_registry_goes_on_beside_files_that_cannot_be_examined(root: Path, client: httpx.Client) -> None:
    publish(root, "odd", ngram(order=2))
    wait_for(lambda: "odd@1" in ids(client))
    folder = root / "odd" / "1"
    for name in (".#card.json", "notes.json", "#weights.safetensors#"):
        (folder / name).symlink_to("user@host.1234:5678")
    os.mkfifo(folder / "pipe.json")
    (root / "round").symlink_to("round")
    (root / "odd" / "7").symlink_to(root / "odd" / "7")
    new_models_come(root, client, "after-links")
    assert "odd@1" in ids(client)
    assert client.post("/v1/models/odd/next", json={"context": "the"}).status_code == 200
    assert client.get("/health/ready").json()["status"] == "ready"
    assert client.delete("/v1/models/odd@1").status_code == 200
    assert sorted(path.name for path in folder.iterdir()) == ["deleted.json"]


@pytest.mark.parametrize("name", ["card.json", "tokenizer.json", "weights.safetensors"])
@pytest.mark.parametrize("kind", ["fifo", "directory", "link", "endless"])
def test_registry_refuses_what_is_no_file_without_reading_it(
    root: Path, client: httpx.Client, name: str, kind: str
) -> None:
    model = f"{kind}-{name[:4]}"
    staged = publish(root.parent / "staging", model, ngram(order=1)).path
    (staged / name).unlink()
    match kind:
        case "fifo":
            os.mkfifo(staged / name)
        case "directory":
            (staged / name).mkdir()
        case "link":
            (staged / name).symlink_to("/dev/zero")
        case "endless":
            with (staged / name).open("wb") as file:
                file.truncate(1 << 42)
    (root / model).mkdir()
    staged.rename(root / model / "1")
    wait_for(lambda: f"{model}@1" in problems(client), seconds=20)
    assert name in problems(client)[f"{model}@1"]
    assert "sound@1" in ids(client)
    assert client.delete(f"/v1/models/{model}@1").status_code == 200


def test_registry_serves_on_while_the_folder_cannot_be_read_and_says_so(
    server: Server, root: Path, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_: Path) -> None:
        raise PermissionError(13, "Permission denied", str(root))

    with monkeypatch.context() as patch:
        patch.setattr("app.engine.registry.known_versions.scan_checkpoints", unreadable)
        wait_for(lambda: client.get("/health/ready").json()["status"] == "degraded")
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert [(failure["task"], failure["message"]) for failure in ready.json()["failing"]] == [
            ("models", "Permission denied")
        ]
        counted = metrics(server.url)
        assert counted["nextword_background_failures_total models"] >= 1
        assert counted["nextword_background_failing"] == 1
        assert client.post("/v1/models/sound/next", json={"context": "the"}).status_code == 200
    wait_for(lambda: client.get("/health/ready").json()["status"] == "ready")
    new_models_come(root, client, "after-outage")


# --- hostile cards and tables


def publish_changed(root: Path, model: str, change: Callable[[Path], None]) -> None:
    """Publish a model whose files are consistent, and yet not what this program writes."""
    staged = publish(root.parent / "staging", model, ngram(order=2)).path
    change(staged)
    (root / model).mkdir()
    staged.rename(root / model / "1")


def with_field(name: str, value: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        card = folder / "card.json"
        card.chmod(0o644)
        card.write_text(json.dumps({**json.loads(card.read_text()), name: "HERE"}).replace('"HERE"', value))

    return change


def with_weights(weight: float) -> Callable[[Path], None]:
    """Back-off weights of all contexts, with hashes that fit."""

    def change(folder: Path) -> None:
        checkpoint = load(folder)
        model = checkpoint.model
        assert isinstance(model, NgramModel)
        orders = model.table.unpack_orders()
        orders[0].backoff[2:] = weight
        weights = folder / "weights.safetensors"
        weights.unlink()
        write_tensors(BackoffTable(pack(orders), model.table.details).arrays(), weights)
        files = {name: asdict(FileDigest.of(folder / name)) for name in ("tokenizer.json", weights.name)}
        with_field("files", json.dumps(files))(folder)

    return change


def with_layers(folder: Path) -> None:
    with_field("kind", '"lstm"')(folder)
    with_field("config", '{"kind": "lstm", "layers": 1000000}')(folder)


HOSTILE = {
    "created": (with_field("created", '"yesterday"'), "field created"),
    "created-early": (with_field("created", '"0001-01-01T00:00:00+23:59"'), "field created"),
    "huge": (with_field("parameters", "1" + "0" * 40), "64 bits"),
    "huge-file": (with_field("files", json.dumps({"x": {"sha256": "0" * 64, "size": 2**80}})), "64 bits"),
    "not-unicode": (with_field("config", '{"order": "\\ud800"}'), "not Unicode"),
    "deep": (with_field("config", '{"order": ' + "[" * 60 + "]" * 60 + "}"), "nested too deep"),
    "no-number": (with_field("config", '{"order": NaN}'), "NaN"),
    "layers": (with_field("kind", '"lstm"'), "config"),
    "estimation": (with_field("config", '{"order": 2, "estimation": 3}'), "estimation is not an object"),
    "many-layers": (with_layers, "layers"),
    "odd-member": (with_field("members", json.dumps([{"model": "sound@01", "sha256": "0" * 64}])), "name@version"),
    "weights": (with_weights(650.0), "above one"),
    "weights-little": (with_weights(3.0), "above one"),
}


@pytest.mark.parametrize("model", HOSTILE)
def test_registry_refuses_a_hostile_card_or_table_and_serves_the_others(
    root: Path, client: httpx.Client, model: str
) -> None:
    change, message = HOSTILE[model]
    publish_changed(root, model, change)
    began = time.monotonic()
    wait_for(lambda: f"{model}@1" in problems(client), seconds=20)
    assert time.monotonic() - began < 10
    assert message in problems(client)[f"{model}@1"]
    assert code(client.get(f"/v1/models/{model}@1")) == (503, "model_unusable")
    assert "sound@1" in ids(client)
    assert client.post("/v1/models/sound/next", json={"context": "the"}).status_code == 200
    assert client.delete(f"/v1/models/{model}@1").status_code == 200


# --- deletion


def test_delete_model_deletes_what_is_broken_and_says_so(root: Path, client: httpx.Client) -> None:
    publish(root, "broken", ngram(order=1))
    (root / "broken" / "1" / "card.json").write_text("{")
    wait_for(lambda: "broken@1" in problems(client))
    assert code(client.get("/v1/models/broken@1")) == (503, "model_unusable")
    assert client.delete("/v1/models/broken@1").json() == {"id": "broken@1", "object": "model", "deleted": True}
    assert code(client.get("/v1/models/broken@1")) == (404, "model_not_found")
    assert code(client.delete("/v1/models/broken@1")) == (404, "model_not_found")


def test_delete_model_answers_while_the_model_is_being_loaded(
    server: Server, root: Path, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = server.app.state.registry._load

    def load_slowly(path: Path) -> object:
        time.sleep(1.5 if path.parent.name == "slow" else 0)
        return slow(path)

    monkeypatch.setattr(server.app.state.registry, "_load", load_slowly)
    publish(root, "slow", ngram(order=1))
    wait_for(lambda: "slow@1" in client.get("/v1/models").json()["loading"])
    began = time.monotonic()
    assert client.delete("/v1/models/slow@1").json()["deleted"] is True
    assert time.monotonic() - began < 1
    assert code(client.get("/v1/models/slow@1")) == (404, "model_not_found")
    new_models_come(root, client, "after-slow")
    assert "slow@1" not in ids(client)
    assert "slow@1" not in problems(client)


@pytest.mark.parametrize("version", ["01", "1.", "+1", "1 ", "\uff11", "\u0661", "0", "-1", "1" * 400, "1@1", ""])
def test_delete_model_reads_a_version_in_one_way(root: Path, client: httpx.Client, version: str) -> None:
    if not (root / "member").exists():
        publish_mixture(root, "mixed", *(publish(root, "member", ngram(order=order)).id for order in (1, 2)))
        wait_for(lambda: "mixed@1" in ids(client))
    assert code(client.delete(f"/v1/models/member@{version}"))[0] in (400, 404)
    assert code(client.get(f"/v1/models/member@{version}"))[0] == 404
    assert client.put("/v1/aliases/other", json={"model": f"member@{version}"}).status_code == 400
    assert {"member@1", "member@2", "mixed@1"} <= set(ids(client))
    assert code(client.delete("/v1/models/member@1")) == (409, "model_in_use")


def test_delete_model_does_not_follow_a_link_out_of_the_folder(root: Path, client: httpx.Client) -> None:
    outside = publish(root.parent / "outside", "elsewhere", ngram(order=1)).path
    (root / "linked").mkdir()
    (root / "linked" / "1").symlink_to(outside)
    (root / "linked-name").symlink_to(outside.parent)
    wait_for(lambda: {"linked@1", "linked-name@1"} <= problems(client).keys())
    before = sorted(path.name for path in outside.iterdir())
    for model in ("linked@1", "linked-name@1"):
        assert "link" in problems(client)[model]
        assert code(client.delete(f"/v1/models/{model}")) == (409, "conflict")
    assert sorted(path.name for path in outside.iterdir()) == before
    shutil.rmtree(root / "linked")
    (root / "linked-name").unlink()
    wait_for(lambda: not {"linked@1", "linked-name@1"} & problems(client).keys())
