"""Pages with calls of every route: complete, as they are generated, and each snippet run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.conftest import ROOT
from tests.helpers.serving import ngram, publish, wait_for
from tools.clients.calls import PAGES
from tools.clients.pages import FOLDER, openapi_document, page

FENCE = re.compile(r'^```\w+ title="(\w+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
ADDRESS = "127.0.0.1:8000"
DELETED = "old-model@1"
"""A model on the page that is there to be deleted."""
OPENAI_PATHS = re.compile(r"(/m/\{model\})?/v1/(files|models|completions|embeddings)(/\{\w+\})?(/content)?")
"""Paths of routes in the shape of OpenAI's API."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document()


def script(client: str) -> str:
    """Join all snippets of a client, in the order of the pages."""
    texts = [(ROOT / FOLDER / f"{name}.md").read_text(encoding="utf-8") for name in PAGES]
    return "\n".join(code for text in texts for name, code in FENCE.findall(text) if name == client)


def run(client: str, commands: list[str], address: str, folder: Path, directory: Path) -> str:
    """Run all snippets of a client and return what they print."""
    model = publish(folder / "checkpoints", "old-model", ngram()).id
    wait_for(lambda: httpx.get(f"http://{address}/v1/models/{model}").status_code == 200)
    (directory / "corpus.txt").write_text("the cat sat\n" * 100)
    code = script(client).replace(ADDRESS, address).replace(DELETED, model)
    code = code.replace("curl -s", "curl --fail-with-body -s")
    done = subprocess.run([*commands, code], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert httpx.get(f"http://{address}/v1/models/{model}").status_code == 404
    return done.stdout


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_its_calls_make_of_it(name: str, document: dict[str, Any]) -> None:
    stale = "is stale; run python -m tools.reference"
    assert (ROOT / FOLDER / f"{name}.md").read_text(encoding="utf-8") == page(name, document), f"{name}.md {stale}"


def test_calls_have_every_route_of_the_document(document: dict[str, Any]) -> None:
    routes = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert {call.route for _, calls in PAGES.values() for call in calls} == routes


def test_calls_show_the_openai_client_for_every_route_of_its_shape() -> None:
    calls = [call for _, calls in PAGES.values() for call in calls]
    assert {call.path for call in calls if call.openai} == {
        call.path for call in calls if OPENAI_PATHS.fullmatch(call.path)
    }


@pytest.mark.skipif(not shutil.which("curl"), reason="the commands need curl")
def test_curl_commands_work_as_written(address: str, folder: Path, tmp_path: Path) -> None:
    printed = run("curl", ["bash", "-euo", "pipefail", "-c"], address, folder, tmp_path)
    assert printed.count('{"') > 30
    assert '"error":{' not in printed


@pytest.mark.parametrize("client", ["httpx", "openai"])
def test_python_works_as_written(client: str, address: str, folder: Path, tmp_path: Path) -> None:
    assert run(client, [sys.executable, "-c"], address, folder, tmp_path)
