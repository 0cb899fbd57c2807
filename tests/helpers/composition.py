"""The container as it is shipped, built once for all tests of it, and composed under a name and on a port of its own.

Needs a container engine that answers, and base images that are there or can be pulled; without them a test is skipped,
and the reason is printed.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
BASE = "python:3.11-slim-bookworm"
DATABASE = "postgres:15-bookworm"


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

    def __init__(self, compose: list[str], environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self._compose = [*compose, "-p", f"nextword-test-{secrets.token_hex(4)}"]
        self._environment = environment | {"NEXTWORD_PUBLISH": self.address}
        self.container = ""

    def __call__(self, *arguments: str) -> str:
        return out(*self._compose, *arguments, **self._environment)

    def up(self, *arguments: str) -> None:
        self("up", "-d", *arguments)
        self.container = self("ps", "-q", "api")
        self.wait_until_ready()

    def inside(self, *command: str) -> str:
        return out("docker", "exec", self.container, *command)

    def inspect(self, path: str) -> str:
        return out("docker", "inspect", "--format", f"{{{{{path}}}}}", self.container)

    def get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"http://{self.address}{path}", timeout=60).raise_for_status().json()
        return answer

    def models(self) -> list[str]:
        return [model["id"] for model in self.get("/v1/models")["data"]]

    def wait_until_ready(self, service: str = "api") -> None:
        """Wait until the published port is ready; `service` is whose log tells why not."""
        for _ in range(240):
            try:
                self.get("/health/ready")
            except httpx.HTTPError:
                time.sleep(0.5)
            else:
                return
        pytest.fail(f"not ready:\n{self('logs', service)}")


def require(image: str) -> None:
    """Skip the test where there is no engine, or no such image."""
    if not succeeds("docker", "info"):
        pytest.skip("no container engine answers `docker info`")
    if not succeeds("docker", "image", "inspect", image) and not succeeds("docker", "pull", image):
        pytest.skip(f"the image {image} is neither here nor to be had")


@pytest.fixture(scope="session")
def compose_command() -> list[str]:
    """`docker compose`, or what it was called before, with the images built for it."""
    require(BASE)
    require(DATABASE)
    commands = [command for command in (["docker", "compose"], ["docker-compose"]) if succeeds(*command, "version")]
    if not commands:
        pytest.skip("neither `docker compose` nor `docker-compose` is here")
    # The host's network, as an index of packages may only be reached from there.
    index = f"TORCH_INDEX={os.environ.get('TORCH_INDEX', '')}"
    build = "docker", "build", "--network", "host", "--build-arg", index
    out(*build, "-t", "nextword:latest", ".")
    out(*build, "-t", "nextword:serving", "--target", "serving", ".")
    return commands[0]


@contextmanager
def composed(command: list[str], **environment: str) -> Iterator[Composition]:
    """A composition that is up, and gone afterwards with all it kept."""
    composition = Composition(command, environment)
    try:
        composition.up()
        yield composition
    finally:
        composition("down", "-v")
