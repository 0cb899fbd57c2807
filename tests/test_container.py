"""The container as it is shipped: built, composed, asked, stopped, and what its volumes keep."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from models.checkpoint.repository import list_checkpoints
from tests.helpers.composition import ROOT, Composition, composed

pytestmark = pytest.mark.container

SHIPPED = [entry.id for entry in list_checkpoints(ROOT / "checkpoints")]


@pytest.fixture(scope="module")
def compose(compose_command: list[str]) -> Iterator[Composition]:
    with composed(compose_command) as composition:
        yield composition


def test_the_shipped_models_are_served(compose: Composition) -> None:
    assert compose.models() == SHIPPED


def test_it_generates(compose: Composition) -> None:
    if not SHIPPED:
        pytest.skip("no checkpoints are shipped")
    body = {"prompt": "The ", "max_tokens": 5, "temperature": 0}
    for model in SHIPPED:
        answer = httpx.post(f"http://{compose.address}/v1/models/{model}/generate", json=body, timeout=60)
        assert answer.raise_for_status().json()["choices"][0]["text"]


def test_it_is_an_ordinary_user(compose: Composition) -> None:
    assert compose.inside("id", "-u") != "0"
    assert compose.inside("sh", "-c", "test -w /srv/nextword/app || test -w /usr || echo read-only") == "read-only"


def test_its_health_is_checked(compose: Composition) -> None:
    for _ in range(120):
        if (health := compose.inspect(".State.Health.Status")) != "starting":
            break
        time.sleep(0.5)
    assert health == "healthy"


def test_loops_were_compiled_when_it_was_built(compose: Composition) -> None:
    before = compose.inside("sh", "-c", "find /var/cache/nextword -name '*.nbc' | sort")
    assert "trie.score" in before
    compose.inside("nextword", "compile")
    assert compose.inside("sh", "-c", "find /var/cache/nextword -name '*.nbc' | sort") == before


def test_it_ends_at_sigterm_and_volumes_outlive_it(compose: Composition) -> None:
    compose.inside("sh", "-c", "yes 'the cat sat .' | head -100 > /data/text.txt")
    command = "nextword train /data/text.txt --name kept --order 2 --json --quiet"
    assert json.loads(compose.inside(*command.split()))["model"] == "kept@1"
    compose("stop", "api")
    assert compose.inspect(".State.ExitCode") == "0"
    compose("down")
    compose.up()
    assert compose.models() == sorted([*SHIPPED, "kept@1"])
    assert "text.txt" in compose.inside("ls", "/data")
