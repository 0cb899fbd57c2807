"""`nextword pull` from a service on a real port."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.checkpoint.card import CARD_FILE
from models.checkpoint.repository import list_checkpoints
from tests.helpers.command_line import Run
from tests.helpers.serving import ngram, publish, publish_mixture, serving, wait_for


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a service with a mixture."""
    root = tmp_path_factory.mktemp("pull") / "checkpoints"
    publish(root, "one", ngram())
    publish(root, "two", ngram(order=2))
    publish_mixture(root, "mix", "one", "two")
    with serving(root) as server:
        httpx.put(f"{server.url}/v1/aliases/best", json={"model": "mix@1"}, timeout=60)
        yield server.url


@pytest.mark.parametrize("model", ["mix", "mix@1", "best"])
def test_pull_copies_a_model_and_what_it_is_made_of(nextword: Run, offered: str, tmp_path: Path, model: str) -> None:
    pulled = nextword("pull", offered, model, "--quiet", root=tmp_path / "here")
    assert (pulled.status, pulled.err) == (0, "")
    assert pulled.out == f"copied mix@1 in {tmp_path / 'here' / 'mix' / '1'}\n"
    assert {path.parent.parent.name for path in (tmp_path / "here").glob(f"*/1/{CARD_FILE}")} == {"one", "two", "mix"}
    again = nextword("pull", offered, model, "--json", root=tmp_path / "here")
    assert json.loads(again.out) == {"model": "mix@1", "path": str(tmp_path / "here" / "mix" / "1"), "copied": False}


def test_pull_gives_a_model_that_another_service_serves_at_once(nextword: Run, offered: str, tmp_path: Path) -> None:
    publish(tmp_path / "here", "own", ngram())
    with serving(tmp_path / "here") as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert nextword("pull", offered, "mix", "--quiet", root=tmp_path / "here").status == 0
        wait_for(lambda: client.get("/v1/models/mix").status_code == 200)
        body = {"context": "the", "top_k": 3}
        answers = [httpx.post(f"{url}/v1/models/mix/next", json=body, timeout=60) for url in (server.url, offered)]
        assert answers[0].json() == answers[1].json()


def test_pull_shows_how_much_has_come(nextword: Run, offered: str, tmp_path: Path) -> None:
    assert "copying two@1, weights.safetensors" in nextword("pull", offered, "two", root=tmp_path / "here").err


@pytest.mark.parametrize(
    ("url", "model", "status", "message"),
    [
        ("ftp://here", "mix", 2, "url: must be as http://127.0.0.1:8000"),
        ("http://127.0.0.1:9", "mix", 1, "does not answer"),
        ("", "none", 1, "there is no model 'none'"),
        ("", "mix@9", 1, "there is no model 'mix@9'"),
    ],
)
def test_pull_says_what_is_wrong(
    nextword: Run, offered: str, tmp_path: Path, url: str, model: str, status: int, message: str
) -> None:
    pulled = nextword("pull", url or offered, model, root=tmp_path / "here")
    assert (pulled.status, pulled.out) == (status, "")
    assert message in pulled.err
    assert not (tmp_path / "here").exists()


def test_pull_reports_another_model_of_that_name(nextword: Run, offered: str, tmp_path: Path) -> None:
    publish(tmp_path / "here", "one", ngram(order=1))
    pulled = nextword("pull", offered, "one", root=tmp_path / "here")
    assert (pulled.status, pulled.err) == (1, "nextword: one@1 is another model here\n")


def test_pull_and_push_take_an_object_store(nextword: Run, tmp_path: Path) -> None:
    store_url = f"file://{tmp_path}/store"
    publish(tmp_path / "one", "words", ngram())
    publish(tmp_path / "one", "other", ngram(order=1))
    publish_mixture(tmp_path / "one", "mix", "words", "other")
    pushed = nextword("push", "mix", store_url, root=tmp_path / "one")
    assert pushed.out.splitlines() == [f"published {model}@1 in {store_url}" for model in ("words", "other", "mix")]
    again = nextword("push", "other", store_url, root=tmp_path / "one")
    assert again.out == f"there already: other@1 in {store_url}\n"
    pulled = nextword("pull", store_url, "mix", "--quiet", root=tmp_path / "two")
    assert pulled.out == f"copied mix@1 in {tmp_path / 'two' / 'mix' / '1'}\n"
    assert [ref.id for ref in list_checkpoints(tmp_path / "two")] == ["mix@1", "other@1", "words@1"]
    assert (
        nextword("pull", store_url, "none", root=tmp_path / "two").err == f"nextword: there is no none in {store_url}\n"
    )
