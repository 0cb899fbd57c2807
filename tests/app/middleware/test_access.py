"""Access by API keys: every route, method and scope of the OpenAPI document, over a real port."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.api_keys import SCOPES, KeyLimits
from app.core.exceptions import BadApiKey, DatabaseUnavailable
from app.middleware.access import bearer_token
from app.storage import key_usage
from app.storage.key_store import KeyStore
from tests.helpers.serving import Server, serving, wait_for

UNKNOWN = "nw_0000000000000000000000000000000000000000000"
NEXT = "/v1/models/words/next"
BODY = {"context": "the dog", "top_k": 1}


def make_key(server: Server, name: str, *scopes: str, **limits: int) -> str:
    ring = server.app.state.stores.keys
    key: str = ring.store.create(name, frozenset(scopes), KeyLimits(**limits))
    ring.refresh()
    return key


@pytest.fixture(scope="module")
def guarded(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(checkpoints, data=tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def keys(guarded: Server) -> dict[str, str]:
    """A key of each scope."""
    return {scope: make_key(guarded, scope, scope) for scope in SCOPES}


@pytest.fixture
def asking(guarded: Server, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.url, timeout=60) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def operations(document: dict[str, Any]) -> list[tuple[str, str, list[dict[str, list[str]]]]]:
    return [
        (method.upper(), path, operation["security"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def ask(client: httpx.Client, method: str, path: str, key: str | None) -> int:
    """Status of a request that cannot do anything: nothing has these names, and the body is no JSON."""
    url = path.replace("{", "no-").replace("}", "")
    headers = {"content-type": "application/json", **(bearer(key) if key else {})}
    with client.stream(method, url, headers=headers, content=b"{" if method in ("POST", "PUT") else None) as answer:
        return answer.status_code


def test_access_is_as_documented_for_every_route_method_and_scope(asking: httpx.Client, keys: dict[str, str]) -> None:
    document = asking.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    checked = operations(document)
    for method, path, security in checked:
        statuses = {name: ask(asking, method, path, key) for name, key in {"": None, "bad": UNKNOWN, **keys}.items()}
        refused = {name: status for name, status in statuses.items() if status in (401, 403)}
        if not security:
            assert refused == {}, (method, path)
            assert path.startswith("/health/")
            continue
        (wanted,) = (requirement["apiKey"] for requirement in security)
        expected = dict.fromkeys(keys.keys() - set(wanted or keys), 403) | {"": 401, "bad": 401}
        assert refused == expected, (method, path, statuses)
    assert len(checked) > 40
    scopes = {scope for _, _, security in checked for requirement in security for scope in requirement["apiKey"]}
    assert scopes == set(SCOPES)


def test_access_covers_routes_that_are_not_documented(
    guarded: Server, asking: httpx.Client, keys: dict[str, str]
) -> None:
    documented = asking.get("/openapi.json").json()["paths"]
    paths = {route.path for route in guarded.app.routes if hasattr(route, "path")}
    pages = {"/", "/docs", "/docs/assets", "/openapi.json", "/page/{path:path}", ""}
    assert {"/", "/docs", "/openapi.json", "/page/{path:path}"} <= paths - documented.keys() <= pages
    for path in ("/", "/docs", "/openapi.json", "/docs/assets/swagger-ui.css", "/page/main.js"):
        assert asking.get(path).status_code == 200
    for path in (
        "/v1/nothing",
        "/v1/files/",
        "//v1/files",
        "/V1/files",
        "/docs/assets",
        "/page",
        "/health",
        "/v1/models%0A",
    ):
        assert asking.get(path).status_code == 401, path
        assert asking.get(path, headers=bearer(keys["infer"])).status_code in (200, 307, 403, 404), path


@pytest.mark.parametrize("header", ["", "Bearer", "Basic dXNlcjpwYXNz", f"Token {UNKNOWN}", f"Bearer {UNKNOWN}"])
def test_access_takes_an_empty_token_for_none(asking: httpx.Client, header: str) -> None:
    answer = asking.post(NEXT, json=BODY, headers={"authorization": header})
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    assert answer.headers["www-authenticate"] == 'Bearer realm="nextword"'


def test_access_scheme_is_in_any_case(asking: httpx.Client, keys: dict[str, str]) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        answer = asking.post(NEXT, json=BODY, headers={"authorization": f"{scheme} {keys['infer']}"})
        assert answer.status_code == 200


def test_access_refuses_before_the_body_comes(guarded: Server) -> None:
    host, port = guarded.url.removeprefix("http://").split(":")
    for path in (NEXT, "/v1/files", "/v1/models/words/perplexity"):
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 1000000\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_access_names_the_scope_that_a_key_lacks(asking: httpx.Client, keys: dict[str, str]) -> None:
    answer = asking.get("/v1/jobs", headers=bearer(keys["infer"]))
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (403, "permission_error", "insufficient_scope")
    assert "'infer' lacks the scope train" in error["message"]
    assert 'scope="train"' in answer.headers["www-authenticate"]


def test_access_raises_the_openai_clients_errors(guarded: Server, keys: dict[str, str]) -> None:
    def complete(key: str) -> str:
        with openai.OpenAI(base_url=f"{guarded.url}/v1", api_key=key, max_retries=0) as client:
            return client.completions.create(model="words", prompt="the", max_tokens=1).object

    assert complete(keys["infer"]) == "text_completion"
    with pytest.raises(openai.AuthenticationError, match="no such API key"):
        complete(UNKNOWN)
    with pytest.raises(openai.PermissionDeniedError, match="lacks the scope infer"):
        complete(keys["train"])
    limited = make_key(guarded, "one-a-minute", "infer", requests_per_minute=1)
    complete(limited)
    with pytest.raises(openai.RateLimitError, match="1 requests a minute") as caught:
        complete(limited)
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 60


def test_access_ends_when_a_key_is_revoked_by_another_process(guarded: Server, asking: httpx.Client) -> None:
    key = make_key(guarded, "short-lived", "infer")
    assert asking.get("/v1/models", headers=bearer(key)).status_code == 200
    KeyStore(guarded.app.state.stores.database).revoke("short-lived")
    wait_for(lambda: asking.get("/v1/models", headers=bearer(key)).status_code == 401, seconds=5)
    assert "'short-lived' was revoked" in asking.get("/v1/models", headers=bearer(key)).json()["error"]["message"]


def test_access_logs_the_name_of_the_key_and_never_the_key(
    asking: httpx.Client, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert asking.delete("/v1/files/none", headers=bearer(keys["train"])).status_code == 404
        assert asking.get("/v1/jobs", headers=bearer(keys["infer"])).status_code == 403
        # A line is written when the answer has ended, which its reader may see first.
        wait_for(lambda: [record.name for record in caplog.records].count("app.request") == 2)
    fields = [vars(record) for record in caplog.records if record.name == "app.request"]
    keys_by_line = {(line["method"], line["path"], line["status"]): line["key"] for line in fields}
    assert keys_by_line["DELETE", "/v1/files/{file_id}", 404] == "train"
    assert keys_by_line["GET", "/v1/jobs", 403] is None  # refused, so nobody's
    assert "'infer' lacks the scope train" in caplog.text
    assert not any(key in caplog.text for key in keys.values())


def test_access_is_shut_while_nobody_knows_the_keys(
    guarded: Server, asking: httpx.Client, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = guarded.app.state.stores.keys

    def fail() -> None:
        raise DatabaseUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(ring.store, "list", fail)
        assert asking.get("/v1/models", headers=bearer(keys["infer"])).status_code == 200  # the snapshot stays
        patch.setattr(ring, "_keys", None)
        answer = asking.get("/v1/models", headers=bearer(keys["infer"]))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
        assert asking.get("/health/live").status_code == 200
    wait_for(lambda: asking.get("/v1/models", headers=bearer(keys["infer"])).status_code == 200)


def test_access_limits_hold_over_two_servers(
    guarded: Server, asking: httpx.Client, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_usage, "WINDOW_SECONDS", 86400)  # no minute ends meanwhile
    key = make_key(guarded, "shared", "infer", requests_per_minute=20)
    other = Server.of(checkpoints, data=guarded.app.state.settings.data)
    other.begin()
    try:
        with httpx.Client(base_url=other.url, timeout=60) as client:
            answers = [each.get("/v1/models", headers=bearer(key)) for _ in range(20) for each in (asking, client)]
    finally:
        other.stop()
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429] * 20
    refused = answers[-1]
    assert refused.headers["ratelimit-policy"] == '"requests";q=20;w=60'
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


def test_access_counts_tokens_of_all_kinds_of_work(guarded: Server, asking: httpx.Client) -> None:
    def remaining(name: str, path: str, body: dict[str, Any]) -> int:
        key = make_key(guarded, name, "infer", tokens_per_minute=1000)
        asking.post(path, json=body, headers=bearer(key)).raise_for_status()
        left = asking.get("/v1/models", headers=bearer(key)).headers["x-ratelimit-remaining-tokens"]
        return int(left)

    generate = {"prompt": "the dog saw", "max_tokens": 7, "ignore_end": True}
    assert remaining("g1", "/v1/models/words/generate", generate) == 1000 - 3 - 7
    assert remaining("g2", "/v1/models/lstm/generate", generate) == 1000 - 3 - 7
    assert remaining("p1", "/v1/models/words/probability", {"text": "the dog saw"}) < 1000
    assert remaining("p2", "/v1/models/lstm/probability", {"text": "the dog saw"}) < 1000


def test_access_refuses_what_is_beyond_the_tokens_of_a_minute(guarded: Server, asking: httpx.Client) -> None:
    key = make_key(guarded, "talker", "infer", tokens_per_minute=20)
    body = {"prompt": "the", "max_tokens": 50, "ignore_end": True}
    asking.post("/v1/models/words/generate", json=body, headers=bearer(key)).raise_for_status()
    answer = asking.post("/v1/models/words/generate", json=body, headers=bearer(key))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert "20 tokens a minute" in answer.json()["error"]["message"]


def test_access_counts_jobs_and_bytes_of_a_key(guarded: Server, asking: httpx.Client) -> None:
    key = bearer(make_key(guarded, "trainer", "train", jobs=1, stored_bytes=30))
    file = asking.post("/v1/files", files={"file": ("a.txt", b"the dog saw a bird\n")}, headers=key).json()["id"]
    answer = asking.post("/v1/files", files={"file": ("b.txt", b"the dog saw a cat\n")}, headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_exceeded")
    assert answer.headers["x-should-retry"] == "false"
    job = {"name": "made", "kind": "ngram", "training_file": file}
    assert asking.post("/v1/jobs", json=job, headers=key).status_code == 202
    answer = asking.post("/v1/jobs", json=job, headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_exceeded")
    assert 0 < int(answer.headers["retry-after"]) <= 120


def test_access_answers_are_not_sniffed(asking: httpx.Client) -> None:
    for path in ("/docs", "/health/live", "/v1/models"):
        assert asking.get(path).headers["x-content-type-options"] == "nosniff"


def test_access_takes_a_token_of_blanks_for_none(guarded: Server, keys: dict[str, str]) -> None:
    host, port = guarded.url.removeprefix("http://").split(":")
    for value in ("Bearer ", "Bearer     ", "bearer \t", " "):
        head = f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: {value}\r\nconnection: close\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 401 "), value


@given(st.binary(max_size=100))
def test_bearer_token_of_any_bytes_is_a_key_or_refused(value: bytes) -> None:
    with suppress(BadApiKey):
        assert bearer_token({"headers": [(b"authorization", value)]}).strip()


def test_access_leaves_to_infer_only_what_asks_a_model(asking: httpx.Client) -> None:
    """A new route is open to `infer` unless the rules say otherwise, so it is decided here as well."""
    asks_a_model = ("/v1/models/{model}/", "/m/{model}/", "/v1/completions", "/v1/embeddings")
    of_tokenizers = ("/tokenize", "/detokenize", "/tokenizer_info")
    for method, path, security in operations(asking.get("/openapi.json").json()):
        if security == [{"apiKey": ["infer"]}]:
            assert path.startswith(asks_a_model) or path in of_tokenizers, (method, path)
