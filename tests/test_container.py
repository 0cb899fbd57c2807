"""The container as it is shipped: built, composed, asked, stopped, and what its volumes keep."""

from __future__ import annotations

import json
import subprocess
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
    models = [model["id"] for model in compose.get("/v1/models")["data"] if "generate" in model["capabilities"]]
    assert models
    body = {"prompt": "The ", "max_tokens": 5, "temperature": 0}
    texts = {}
    for model in models:
        answer = httpx.post(f"http://{compose.address}/v1/models/{model}/generate", json=body, timeout=60)
        texts[model] = answer.raise_for_status().json()["choices"][0]["text"]
    # A textbook's bigrams without smoothing may have nothing to go on with.
    assert all(text for model, text in texts.items() if not model.startswith("students@")), texts


def test_it_ends_without_a_key_unless_told_to_be_open(compose: Composition) -> None:
    done = subprocess.run(["docker", "run", "--rm", "nextword:latest"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "NEXTWORD_INSECURE=1" in line
    assert "nextword keys" in line


def test_what_serves_has_no_torch_and_what_trains_has(compose: Composition) -> None:
    find = "import importlib.util as u; print([n for n in ('torch', 'onnx', 'numba') if u.find_spec(n)])"
    images = {
        image: subprocess.run(
            ["docker", "run", "--rm", "--entrypoint", "python", image, "-c", find],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for image in ("nextword:serving", "nextword:latest")
    }
    assert images == {"nextword:serving": "['numba']", "nextword:latest": "['torch', 'onnx', 'numba']"}


def test_what_serves_refuses_to_run_jobs(compose: Composition) -> None:
    done = subprocess.run(
        ["docker", "run", "--rm", "nextword:serving", "worker"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "lacks PyTorch" in done.stderr, done.stderr.count("\n")) == (2, True, 1)


def test_it_is_an_ordinary_user(compose: Composition) -> None:
    assert compose.inside("id", "-u") != "0"
    writable = "for folder in / /opt/app /usr /var/cache/nextword; do touch $folder/x 2>/dev/null && echo $folder; done"
    assert compose.inside("sh", "-c", f"{writable}; true") == ""
    assert compose.inspect(".HostConfig.ReadonlyRootfs") == "true"


def test_it_has_no_build_tools(compose: Composition) -> None:
    tools = "for tool in pip gcc cc make; do command -v /opt/nextword/bin/$tool /opt/app/bin/$tool; done; true"
    assert compose.inside("sh", "-c", tools) == ""


def test_the_database_is_postgresql_with_a_password_of_its_own(compose: Composition) -> None:
    assert "passfile" in compose.inside("printenv", "NEXTWORD_DATABASE_URL")
    assert compose.inside("stat", "-c", "%a %U", "/secrets/pgpass") == "600 nextword"
    assert compose.get("/v1/jobs")["data"] == []
    assert compose.inside("sh", "-c", "ls /data/*.db 2>/dev/null || true") == ""


def test_its_health_is_checked(compose: Composition) -> None:
    for _ in range(120):
        if (health := compose.inspect(".State.Health.Status")) != "starting":
            break
        time.sleep(0.5)
    assert health == "healthy"


def test_loops_were_compiled_when_it_was_built(compose: Composition) -> None:
    count = "find {} -name '*.loop' | wc -l"
    before = compose.inside("sh", "-c", count.format("/var/cache/nextword"))
    assert int(before) > 10
    again = f"cp -r /var/cache/nextword /tmp/copy && NUMBA_CACHE_DIR=/tmp/copy nextword compile && {count}"
    assert compose.inside("sh", "-c", again.format("/tmp/copy")) == before


def test_what_serves_compiles_nothing(compose: Composition) -> None:
    maps = compose.inside("sh", "-c", "cat /proc/[0-9]*/maps 2>/dev/null; true")
    assert ("libgomp" in maps, "llvmlite" in maps) == (True, False)


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
