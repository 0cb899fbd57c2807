"""The service with the shipped models and a worker, asked all examples of its documentation once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.helpers.jobs import working
from tests.helpers.serving import Server, serving
from tools.examples.service import CHECKPOINTS, link_checkpoints
from tools.examples.session import ask_all

JsonObject = dict[str, Any]


@pytest.fixture(scope="package")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not any(CHECKPOINTS.rglob("*.safetensors")):
        pytest.skip(f"the shipped models are not in {CHECKPOINTS}, so the documentation's examples are not tried")
    root = tmp_path_factory.mktemp("shipped") / "checkpoints"
    link_checkpoints(root)
    with serving(root, data=root.with_name("data"), job_niceness=0) as server, working(server):
        yield server


@pytest.fixture(scope="package")
def client(shipped: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shipped.url, timeout=120) as open_client:
        yield open_client


@pytest.fixture(scope="package")
def document(client: httpx.Client) -> JsonObject:
    content: JsonObject = json.loads(client.get("/openapi.json").content)
    return content


@pytest.fixture(scope="package")
def answers(client: httpx.Client, document: JsonObject) -> JsonObject:
    """The answers to all examples, as the file of examples has them."""
    return ask_all(client, document)
