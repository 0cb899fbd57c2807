"""Aliases over HTTP, and deletion of models: no request sees half a change."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from app.schemas.models import AliasAnswer, AliasList
from models.checkpoint.load import load
from tests.helpers.serving import Server, ngram, publish, publish_mixture, serving, wait_for


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    checkpoints = tmp_path_factory.mktemp("aliases") / "checkpoints"
    for order in (1, 2, 3):
        publish(checkpoints, "demo", ngram(order=order))
    with serving(checkpoints) as running:
        yield running


@pytest.fixture
def client(own: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own.url, timeout=30) as opened:
        yield opened


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def put(client: httpx.Client, alias: str, model: str) -> httpx.Response:
    return client.put(f"/v1/aliases/{alias}", json={"model": model})


def meant(client: httpx.Client, model: str) -> str:
    answer = client.post(f"/v1/models/{model}/next", json={"context": "the"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model"])


def test_set_alias_takes_effect_at_once_and_rolls_back(client: httpx.Client) -> None:
    for model in ("demo@2", "demo@3", "demo@2"):
        answer = put(client, "production", model)
        AliasAnswer.model_validate(answer.json())
        assert (answer.status_code, answer.json()["model"]) == (200, model)
        assert meant(client, "production") == model
    assert client.get("/v1/aliases/production").json()["model"] == "demo@2"
    listed = client.get("/v1/aliases").json()
    AliasList.model_validate(listed)
    assert [alias["id"] for alias in listed["data"]] == ["production"]
    assert client.get("/v1/models/production").json()["id"] == "demo@2"


def test_alias_moved_back_and_forth_always_means_one_model(client: httpx.Client, own: Server) -> None:
    put(client, "production", "demo@1")
    done = threading.Event()

    def move() -> None:
        with httpx.Client(base_url=own.url) as other:
            while not done.is_set():
                for model in ("demo@2", "demo@1"):
                    put(other, "production", model)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        assert {meant(client, "production") for _ in range(50)} <= {"demo@1", "demo@2"}
    finally:
        done.set()
        mover.join()


@pytest.mark.parametrize(
    ("alias", "model", "error"),
    [
        ("demo", "demo@1", (409, "name_taken")),
        ("production", "demo@9", (400, "invalid_input")),
        ("production", "demo", (400, "invalid_input")),
        ("production", "other", (400, "invalid_input")),
        ("Not-A-Name", "demo@1", (400, "invalid_input")),
    ],
)
def test_set_alias_refuses_invalid_names_and_models(
    client: httpx.Client, alias: str, model: str, error: tuple[int, str]
) -> None:
    assert refused(put(client, alias, model)) == error


def test_set_alias_of_a_model_that_is_loading_is_to_be_tried_again(
    client: httpx.Client, own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, loaded = own.app.state.registry, threading.Event()
    monkeypatch.setattr(registry, "_load", lambda path: loaded.wait(30) and load(path))
    publish(own.app.state.settings.checkpoints, "slow", ngram())
    wait_for(lambda: "slow@1" in registry.snapshot.loading)
    assert refused(put(client, "production", "slow@1")) == (503, "model_loading")
    assert refused(put(client, "slow", "demo@1")) == (409, "name_taken")
    loaded.set()
    wait_for(lambda: put(client, "production", "slow@1").status_code == 200)


def test_set_alias_before_the_first_look_at_the_models_is_to_be_tried_again(
    client: httpx.Client, own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = property(lambda _: False, lambda _, value: None)
    monkeypatch.setattr(type(own.app.state.registry), "has_scanned", never, raising=False)
    assert refused(put(client, "production", "demo@9")) == (503, "model_loading")


def test_delete_alias_keeps_the_model(client: httpx.Client) -> None:
    put(client, "production", "demo@1")
    assert client.delete("/v1/aliases/production").json()["deleted"] is True
    assert refused(client.delete("/v1/aliases/production")) == (404, "not_found")
    assert refused(client.get("/v1/aliases/production")) == (404, "not_found")
    assert refused(client.get("/v1/models/production")) == (404, "model_not_found")
    assert meant(client, "demo@1") == "demo@1"


def test_create_job_refuses_the_name_of_an_alias(client: httpx.Client) -> None:
    put(client, "production", "demo@1")
    file = client.post("/v1/files", content=b"the cat\n").json()["id"]
    body = {"name": "production", "kind": "ngram", "training_file": file}
    assert refused(client.post("/v1/jobs", json=body)) == (409, "name_taken")


def test_create_job_is_to_be_tried_again_while_aliases_are_not_known(
    client: httpx.Client, own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = property(lambda _: False, lambda _, value: None)
    monkeypatch.setattr(type(own.app.state.stores.aliases), "is_read", never, raising=False)
    body = {"name": "production", "kind": "ngram", "training_file": "file-sample"}
    for path in ("/v1/jobs", "/v1/jobs/estimate"):
        assert refused(client.post(path, json=body)) == (503, "database_unavailable")


def test_delete_model_is_refused_while_an_alias_refers_to_it(client: httpx.Client) -> None:
    put(client, "production", "demo@3")
    assert refused(client.delete("/v1/models/demo@3")) == (409, "model_in_use")
    put(client, "production", "demo@2")
    assert client.delete("/v1/models/demo@3").json() == {"id": "demo@3", "object": "model", "deleted": True}
    assert refused(client.delete("/v1/models/demo@3")) == (404, "model_not_found")
    assert refused(client.get("/v1/models/demo@3")) == (404, "model_not_found")
    assert meant(client, "demo") == "demo@2"
    assert refused(client.delete("/v1/models/demo")) == (400, "invalid_input")


def test_delete_model_is_refused_while_a_mixture_refers_to_it(client: httpx.Client, own: Server) -> None:
    publish_mixture(own.app.state.settings.checkpoints, "mix", "demo@1", "demo@2")
    answer = client.delete("/v1/models/demo@1")
    assert refused(answer) == (409, "model_in_use")
    assert "mix@1" in answer.json()["error"]["message"]
    wait_for(lambda: client.get("/v1/models/mix").status_code == 200)
    assert client.delete("/v1/models/mix@1").status_code == 200
    assert client.delete("/v1/models/demo@1").status_code == 200


def test_delete_model_never_frees_its_number(client: httpx.Client, own: Server) -> None:
    client.delete("/v1/models/demo@3")
    assert publish(own.app.state.settings.checkpoints, "demo", ngram()).version == 4
    file = client.post("/v1/files", content=b"the cat\n").json()["id"]
    body = {"name": "demo", "kind": "ngram", "training_file": file}
    assert client.post("/v1/jobs", json=body).json()["model"] == "demo@5"


def test_alias_set_at_one_service_is_seen_by_another(client: httpx.Client, own: Server) -> None:
    settings = own.app.state.settings
    with serving(settings.checkpoints, data=settings.data) as second, httpx.Client(base_url=second.url) as other:
        put(client, "production", "demo@2")
        wait_for(lambda: other.get("/v1/models/production").status_code == 200)
        assert meant(other, "production") == "demo@2"
