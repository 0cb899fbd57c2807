"""The container as it is shipped: built, composed, asked, stopped, and what its volumes keep.

Runs where a container engine answers and the base image is there or can be pulled; elsewhere it is skipped, and the
reason is printed.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.catalogue import entries

pytestmark = pytest.mark.container

ROOT = Path(__file__).parent.parent
BASE = "python:3.11-slim-bookworm"
SHIPPED = [entry.id for entry in entries(ROOT / "checkpoints")]


def succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def out(*command: str, **environment: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | environment, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


class Composition:
    """`docker compose` under a project name and on a port of its own."""

    def __init__(self, compose: list[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self._compose = [*compose, "-p", f"nextword-test-{secrets.token_hex(4)}"]
        self.container = ""

    def __call__(self, *arguments: str) -> str:
        return out(*self._compose, *arguments, NEXTWORD_PUBLISH=self.address)

    def up(self) -> None:
        self("up", "-d")
        self.container = self("ps", "-q", "api")
        self._wait_until_ready()

    def inside(self, *command: str) -> str:
        return out("docker", "exec", self.container, *command)

    def inspect(self, path: str) -> str:
        return out("docker", "inspect", "--format", f"{{{{{path}}}}}", self.container)

    def get(self, path: str) -> dict[str, object]:
        answer: dict[str, object] = httpx.get(f"http://{self.address}{path}", timeout=60).raise_for_status().json()
        return answer

    def models(self) -> list[str]:
        listed = self.get("/v1/models")["data"]
        assert isinstance(listed, list)
        return [model["id"] for model in listed]

    def _wait_until_ready(self) -> None:
        for _ in range(240):
            try:
                self.get("/health/ready")
            except httpx.HTTPError:
                time.sleep(0.5)
            else:
                return
        pytest.fail(f"not ready:\n{self('logs', 'api')}")


@pytest.fixture(scope="module")
def compose() -> Iterator[Composition]:
    if not succeeds("docker", "info"):
        pytest.skip("no container engine answers `docker info`")
    if not succeeds("docker", "image", "inspect", BASE) and not succeeds("docker", "pull", BASE):
        pytest.skip(f"the image {BASE} is neither here nor to be had")
    commands = [command for command in (["docker", "compose"], ["docker-compose"]) if succeeds(*command, "version")]
    if not commands:
        pytest.skip("neither `docker compose` nor `docker-compose` is here")
    # The host's network, as an index of packages may only be reached from there.
    index = f"TORCH_INDEX={os.environ.get('TORCH_INDEX', '')}"
    out("docker", "build", "--network", "host", "--build-arg", index, "-t", "nextword:latest", ".")
    composition = Composition(commands[0])
    try:
        composition.up()
        yield composition
    finally:
        composition("down", "-v")


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
