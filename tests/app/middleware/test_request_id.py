"""The line of the log that every request has, over a real port."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers.serving import ENDLESS, Server, get, post, process, serving, stream, wait_for

SECRET = "sesquipedalian"


class Lines:
    """Lines of requests that came in order."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def of(self, request_id: str) -> list[dict[str, Any]]:
        found = [vars(record) for record in self._caplog.records if record.name == "app.request"]
        return [fields for fields in found if fields["id"] == request_id]

    def one(self, request_id: str) -> dict[str, Any]:
        wait_for(lambda: bool(self.of(request_id)), seconds=30)
        (line,) = self.of(request_id)
        return line


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    with caplog.at_level(logging.INFO):
        yield Lines(caplog)
    records = caplog.get_records("call")
    assert records
    assert not any(SECRET in str(vars(record)) for record in records if record.name.startswith("app."))


def ask(client: httpx.Client, method: str, path: str, request_id: str, **arguments: Any) -> httpx.Response:
    return client.request(method, path, headers={"x-request-id": request_id}, **arguments)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/models/words/next", {"context": f"the {SECRET}"}, ("/v1/models/{model}/next", "words@1", 200, "ok")),
        (
            "/v1/models/words/probability",
            {"text": "the dog"},
            ("/v1/models/{model}/probability", "words@1", 200, "ok"),
        ),
        ("/v1/models/words/perplexity", {"text": "the"}, ("/v1/models/{model}/perplexity", "words@1", 200, "ok")),
        ("/v1/models/lstm@1/generate", {"prompt": SECRET}, ("/v1/models/{model}/generate", "lstm@1", 200, "ok")),
        ("/v1/completions", {"model": "words", "prompt": "the"}, ("/v1/completions", "words@1", 200, "ok")),
        ("/m/words/v1/completions", {"prompt": "the"}, ("/m/{model}/v1/completions", "words@1", 200, "ok")),
        ("/v1/models/nope/next", {}, ("/v1/models/{model}/next", "nope", 404, "model_not_found")),
        ("/v1/models/words/next", {"top_k": SECRET}, ("/v1/models/{model}/next", "words@1", 400, "invalid_input")),
        ("/v1/jobs", {"kind": SECRET}, ("/v1/jobs", "", 400, "invalid_input")),
        ("/no/such/route", {}, ("/no/such/route", "", 404, "route_not_found")),
    ],
)
def test_request_line_tells_what_a_request_became(
    client: httpx.Client, lines: Lines, path: str, body: dict[str, Any], expected: tuple[str, str, int, str]
) -> None:
    ask(client, "POST", path, "find-me", json=body)
    line = lines.one("find-me")
    found = (line["path"], line["model"] or "", line["status"], line["outcome"])
    assert found == expected
    assert (line["method"], line["key"], line["client"]) == ("POST", None, "127.0.0.1")
    assert 0 < line["seconds"] < 60


def test_request_line_counts_tokens(client: httpx.Client, lines: Lines) -> None:
    body = {"prompt": "the dog", "max_tokens": 5, "n": 2, "ignore_end": True}
    usage = ask(client, "POST", "/v1/models/lstm/generate", "whole", json=body).json()["usage"]
    assert (lines.one("whole")["tokens_in"], lines.one("whole")["tokens_out"]) == (usage["prompt_tokens"], 10)
    ask(client, "POST", "/v1/models/words/probability", "scored", json={"text": "the dog " * 100})
    assert lines.one("scored")["tokens_in"] > 100
    ask(client, "GET", "/v1/models", "none")
    assert (lines.one("none")["tokens_in"], lines.one("none")["tokens_out"]) == (0, 0)


@pytest.fixture(scope="module")
def patient(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that lets texts be longer than any test takes."""
    data = tmp_path_factory.mktemp("patient")
    with serving(checkpoints, data=data, max_tokens=10**6, max_pending_tokens=10**7) as server:
        yield server


def test_request_line_of_a_stream_comes_at_its_end(patient: Server, lines: Lines) -> None:
    body = {"prompt": "the", "stream": True, **ENDLESS}
    headers = {"x-request-id": "streamed"}
    path = f"{patient.url}/v1/models/lstm/generate"
    with stream("POST", path, json=body, headers=headers) as answer:
        pieces = answer.iter_text()
        next(pieces)
        assert lines.of("streamed") == []
    line = lines.one("streamed")  # the client has hung up
    assert (line["status"], line["outcome"]) == (200, "client_gone")
    assert 0 < line["tokens_out"] < ENDLESS["max_tokens"]
    post(path, json={**body, "max_tokens": 7}, headers={"x-request-id": "ended"})
    line = lines.one("ended")
    assert (line["status"], line["outcome"], line["tokens_out"]) == (200, "ok", 7)


def test_request_line_of_a_client_that_hangs_up_before_the_answer(patient: Server, lines: Lines) -> None:
    host, port = patient.url.removeprefix("http://").split(":")
    body = json.dumps({"prompt": "the", **ENDLESS}).encode()
    head = "POST /v1/models/lstm/generate HTTP/1.1\r\nhost: localhost\r\nx-request-id: gone\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        fields = f"content-length: {len(body)}\r\ncontent-type: application/json\r\n\r\n"
        connection.sendall((head + fields).encode() + body)
        assert lines.of("gone") == []
    line = lines.one("gone")
    assert line["outcome"] == "client_gone"
    assert line["status"] in (None, 499)


def test_request_line_of_health_and_metrics_is_for_debugging(client: httpx.Client, lines: Lines) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert ask(client, "GET", path, "quiet").status_code == 200
    ask(client, "GET", "/health/nothing", "loud")
    assert lines.one("loud")["status"] == 404
    assert lines.of("quiet") == []


def test_request_line_is_written_where_an_exception_was_not_handled(
    server: Server, client: httpx.Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("unheard of")

    monkeypatch.setattr(server.app.state.registry, "find", fail)
    assert ask(client, "POST", "/v1/models/words/next", "broken", json={"context": "a"}).status_code == 500
    line = lines.one("broken")
    assert (line["status"], line["outcome"], line["model"]) == (500, "internal_error", "words")


@pytest.fixture(scope="module")
def telling(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(checkpoints, data=tmp_path_factory.mktemp("telling"), log_prompts=True) as server:
        yield server


def test_request_line_shows_the_beginning_of_a_body_where_it_is_asked_for(
    telling: Server, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"the\x1b[2J \r\n{SECRET} " + "dog " * 1000
    with caplog.at_level(logging.INFO), httpx.Client(base_url=telling.url, timeout=60) as client:
        assert ask(client, "POST", "/v1/models/words/next", "told", json={"context": text}).status_code == 200
        plain = {"x-request-id": "plain", "content-type": "text/plain"}
        client.post("/v1/models/words/perplexity", content=b"caf\xe9", headers=plain)
        ask(client, "POST", "/v1/files", "file", files={"file": ("a.txt", SECRET)})
    lines = Lines(caplog)
    body = lines.one("told")["body"]
    assert len(body) == 2000
    assert json.dumps(f"the\x1b[2J \r\n{SECRET}")[1:-1] in body
    assert lines.one("plain")["body"] == "caf\N{REPLACEMENT CHARACTER}"
    assert "body" not in lines.one("file")


def test_request_lines_of_several_processes_are_whole_and_there_once(checkpoints: Path, tmp_path: Path) -> None:
    log, settings = tmp_path / "log", {"NEXTWORD_LOG_FORMAT": "json", "NEXTWORD_WORKERS": "2"}
    with log.open("wb") as stderr, process(checkpoints, tmp_path / "data", log=stderr, **settings) as (server, url):
        wait_for(lambda: log.read_text().count("serving words@1") == 2)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: get(f"{url}/v1/models", headers={"x-request-id": f"nr-{i}"}), range(80)))
        server.terminate()
        server.wait(60)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    numbered = [record["id"] for record in records if str(record.get("id")).startswith("nr-")]
    assert sorted(numbered) == sorted(f"nr-{i}" for i in range(80))
    assert "GET /v1/models" not in log.read_text()  # as uvicorn would log it
