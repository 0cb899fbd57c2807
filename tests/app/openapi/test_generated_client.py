"""Client made by openapi-python-client: it calls every route, and understands each answer.

It needs `openapi-python-client`, of the extra `clients`: in this environment, or in that of the Python that the
variable NEXTWORD_CLIENTS_PYTHON names.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import python_with
from tests.helpers.serving import Server
from tools.examples.requests import FORM, JSON, JsonObject, examples_of

PROGRAM = Path(__file__).with_name("generated_client.py")
UNSUPPORTED = ("text/plain", "application/x-ndjson")
"""Kinds of bodies that the generator leaves out, and says so."""
NEEDS_A_FILE = ("classifier", "import", "tune")
"""Examples of jobs on a file of one's own."""


def generate(python: str, document: JsonObject, folder: Path) -> str:
    """Make the client in `folder`; return what the generator says."""
    (folder / "openapi.json").write_text(json.dumps(document))
    command = [python, "-m", "openapi_python_client", "generate", "--path", str(folder / "openapi.json")]
    # The generator formats what it made with `ruff`, which it looks for on the path.
    environment = {**os.environ, "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}
    options = ["--meta", "none", "--output-path", str(folder / "client")]
    run = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def calls(document: JsonObject) -> Iterator[JsonObject]:
    """Example requests that the client can send and read, each with its operation's group."""
    tags = {o["operationId"]: o["tags"][0] for methods in document["paths"].values() for o in methods.values()}
    for example in examples_of(document):
        is_plain = example.name not in (*UNSUPPORTED, *NEEDS_A_FILE) and not example.accept
        if is_plain and example.media_type in ("", JSON, FORM) and not (example.body or {}).get("stream"):
            yield {**asdict(example), "tag": tags[example.operation]}


@pytest.mark.clients
def test_generated_client_calls_every_route(
    shipped: Server, document: JsonObject, answers: JsonObject, tmp_path: Path
) -> None:
    python = python_with("openapi_python_client", "NEXTWORD_CLIENTS_PYTHON")
    said = generate(python, document, tmp_path)
    left_out = [line for line in said.splitlines() if "nsupported" in line]
    assert {line.split()[-1] for line in left_out} == set(UNSUPPORTED)
    assert said.count("WARNING") == len(left_out)
    asked: list[Any] = list(calls(document))
    command = [python, str(PROGRAM), str(tmp_path), shipped.url]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-500:] + run.stderr[-3000:]
    told = [json.loads(line) for line in run.stdout.splitlines()]
    assert [told[i] for i, (_, status, same) in enumerate(told) if status >= 300 or not same] == []
    assert {operation for operation, _, _ in told} == {example.operation for example in examples_of(document)}
