"""The documentation: complete, served without any other host, and its examples work as they stand."""

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.api_keys import KeyLimits
from models.ngram.config import NgramConfig
from tests.helpers.browser import CHROMIUM, browsing
from tests.helpers.serving import (
    TEXT,
    Server,
    classifier,
    fill_in,
    ngram,
    publish,
    publish_with_counts,
    reader,
    serving,
    tagger,
)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with models of the names that the examples use."""
    root = tmp_path_factory.mktemp("shipped") / "checkpoints"
    publish(root, "gutenberg-kn", ngram())
    publish_with_counts(root, "students", NgramConfig(3), TEXT)
    publish(root, "sentiment", classifier())
    publish(root, "part-of-speech", tagger())
    publish(root, "gutenberg-fill", fill_in())
    publish(root, "babi-reader", reader())
    with serving(root) as server:
        yield server


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    return client.get("/openapi.json").json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and what is said of it, of all that asks a model or the service how it is."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith(("/v1/models", "/v1/embeddings", "/health")) and method != "delete":
                yield method, path, operation


NOTHING_TO_FIND = ("/v1/models",)
"""Paths that name nothing that may be missing."""


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def test_swagger_ui_is_linked_from_the_page(client: httpx.Client) -> None:
    assert 'href="docs"' in client.get("/").text
    answer = client.get("/docs")
    assert answer.status_code == 200
    assert 'id="swagger-ui"' in answer.text


def test_swagger_ui_needs_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "http" not in page
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert client.get(asset).status_code == 200


def test_openapi_describes_everything(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (method, path, parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        for field, facts in schema.get("properties", {}).items():
            described = resolved(document, facts) if "$ref" in facts else facts
            assert described.get("description"), (name, field)


def test_openapi_documents_errors_in_the_one_shape(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert "422" not in operation["responses"], (method, path)
        if path.startswith("/v1"):
            assert {"400", "429", "500", "503", "504"} <= operation["responses"].keys()
            assert "default" not in operation["responses"]
            assert ("404" in operation["responses"]) == (path not in NOTHING_TO_FIND)
            for status, answer in operation["responses"].items():
                if status not in ("200", "206", "304"):
                    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer")


def examples(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every body that the documentation shows: its media type and example."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            yield kind, content["example"]
        else:
            properties = resolved(document, content["schema"])["properties"]
            yield kind, {name: field["examples"][0] for name, field in properties.items() if "examples" in field}


def example_model(operation: dict[str, Any]) -> str:
    """The model that the documentation shows in an operation's path; any where there is none."""
    parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
    return parameters["model"]["examples"]["name"]["value"] if "model" in parameters else ""


def test_openapi_examples_all_work(document: dict[str, Any], shipped: Server) -> None:
    asked = 0
    with httpx.Client(base_url=shipped.url, timeout=60) as client:
        for method, path, operation in operations(document):
            url = path.replace("{model}", example_model(operation)).replace("{file}", "card.json")
            for kind, example in list(examples(document, operation)) or [("", None)]:
                body = {"json": example} if kind == "application/json" else {"content": example}
                answer = client.request(method, url, headers={"content-type": kind} if kind else {}, **body)
                assert answer.status_code == 200, (path, kind, answer.text)
                assert '"error"' not in answer.text
                asked += 1
    assert asked == 24


TRY_IT_OUT = """
(async (id, kind) => {
  const until = async (found) => {
    for (let tries = 0; tries < 1000; tries++) {
      if (found()) return found();
      await new Promise(next => setTimeout(next, 100));
    }
    throw new Error(`${id}: waited too long for ${found}`);
  };
  const block = await until(() => document.querySelector(`.opblock[id$="-${id}"]`));
  const summary = block.querySelector('.opblock-summary-control');
  summary.click();
  const button = await until(() => block.querySelector('.execute'));
  if (kind) {
    const choice = await until(() => block.querySelector('.opblock-section-request-body select'));
    Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(choice, kind);
    choice.dispatchEvent(new Event('change', {bubbles: true}));
    await new Promise(next => setTimeout(next, 100));
  }
  button.click();
  const row = await until(() => block.querySelector('.live-responses-table .response .response-col_status'));
  const sent = block.querySelector('.request-url + *, .curl-command')?.textContent ?? '';
  summary.click();
  return [row.textContent.slice(0, 3), sent];
})
"""


def test_swagger_ui_try_it_out_succeeds_on_every_route(
    document: dict[str, Any], shipped: Server, tmp_path: Path
) -> None:
    if CHROMIUM is None:
        pytest.skip(
            "no Chromium is installed, so the documentation is not tried in a browser: apt-get install chromium"
        )
    with browsing(f"{shipped.url}/docs", tmp_path) as page:
        for _, _, operation in operations(document):
            for kind in operation.get("requestBody", {}).get("content", {"": None}):
                status, sent = page.run(f"{TRY_IT_OUT}({operation['operationId']!r}, {kind!r})")
                assert status == "200", operation["operationId"]
                assert kind in sent
        assert page.complaints == []
        hosts = {httpx.URL(url).netloc for url in page.requested if url.startswith("http")}
        assert hosts == {httpx.URL(shipped.url).netloc}


def test_swagger_ui_may_run_its_own_script_alone(client: httpx.Client) -> None:
    answer = client.get("/docs")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors")
    assert [policy[name] for name in nothing] == ["'none'"] * len(nothing)
    assert answer.headers["referrer-policy"] == "no-referrer"


AUTHORIZE = """
(async (key) => {
  const until = async (found) => {
    for (let tries = 0; tries < 1000; tries++) {
      if (found()) return found();
      await new Promise(next => setTimeout(next, 100));
    }
    throw new Error(`waited too long for ${found}`);
  };
  (await until(() => document.querySelector('.auth-wrapper .authorize'))).click();
  const input = await until(() => document.querySelector('.auth-container input'));
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, key);
  input.dispatchEvent(new Event('input', {bubbles: true}));
  await new Promise(next => setTimeout(next, 100));
  document.querySelector('.auth-btn-wrapper .authorize').click();
  (await until(() => document.querySelector('.auth-btn-wrapper .btn-done'))).click();
})
"""


def test_swagger_ui_authorizes_with_a_key(shipped: Server, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed, so nobody is authorized in a browser: apt-get install chromium")
    ring = shipped.app.state.stores.keys
    key = ring.store.create("reader", frozenset(["infer"]), KeyLimits())
    ring.refresh()
    try:
        with browsing(f"{shipped.url}/docs", tmp_path) as page:
            assert page.run(f"{TRY_IT_OUT}('list_models', '')")[0] == "401"
            page.run(f"globalThis.kept = {AUTHORIZE}({key!r})")  # without a name, the promise may be collected
            assert page.run(f"{TRY_IT_OUT}('list_aliases', '')")[0] == "200"
    finally:
        ring.store.forget("reader")
        ring.refresh()
