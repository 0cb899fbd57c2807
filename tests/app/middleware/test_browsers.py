"""Names that a server answers to, and requests of pages of other sites, over real sockets."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.core.host_names import HostNames, host_name
from tests.helpers.serving import Server, serving

EVIL = "http://evil.example"
NEXT = "/v1/models/words/next"
BODY = b'{"context": "the"}'
CANCEL = "/v1/jobs/job-0/cancel"


def ask(
    server: Server,
    *headers: str,
    method: str = "GET",
    path: str = "/v1/models",
    body: bytes = b"",
    version: str = "1.1",
) -> tuple[int, str, str]:
    """Status, head and error code of the answer to a request with these headers and no others."""
    host, port = server.url.removeprefix("http://").split(":")
    length = [f"content-length: {len(body)}"] if body else []
    head = "\r\n".join([f"{method} {path} HTTP/{version}", *headers, *length, "connection: close", "", ""])
    with socket.create_connection((host, int(port)), timeout=60) as opened:
        opened.sendall(head.encode("latin-1") + body)
        answer = b"".join(iter(lambda: opened.recv(65536), b""))
    top, _, content = answer.decode().partition("\r\n\r\n")
    code = json.loads(content).get("error", {}).get("code", "") if content.startswith("{") else ""
    return int(top.split()[1]), top.lower(), code


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "app.localhost:8000",
        "127.0.0.1",
        "127.0.0.9:80",
        "[::1]",
        "[::1]:8000",
    ],
)
def test_browsers_may_use_loopback_names(server: Server, host: str) -> None:
    for _ in range(2):  # the second time it is remembered
        assert ask(server, f"host: {host}")[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "*"],
)
def test_browsers_find_nothing_under_another_name(server: Server, host: str) -> None:
    expected = (400, "invalid_input") if host == "*" else (421, "unknown_host")
    for path in ("/v1/models", "/docs", "/openapi.json", "/", "/nothing"):
        status, _, code = ask(server, f"host: {host}", path=path)
        assert (status, code) == expected
    assert ask(server, f"host: {host}", "content-type: application/json", method="POST", path=NEXT, body=BODY)[0] in (
        400,
        421,
    )


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_browsers_leave_health_and_metrics_to_every_name(server: Server, path: str) -> None:
    assert ask(server, "host: 10.4.0.7:8000", path=path)[0] == 200


@pytest.mark.parametrize("headers", [[], ["host: localhost", "host: localhost"], ["host: "], ["host: user@localhost"]])
def test_browsers_host_is_sent_once(server: Server, headers: list[str]) -> None:
    assert ask(server, *headers)[::2] == (400, "invalid_input")


def test_browsers_host_may_lack_in_http_1_0(server: Server) -> None:
    assert ask(server, version="1.0")[0] == 200


def test_browsers_error_says_which_setting_lets_a_name_in(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        answer = httpx.get(f"{server.url}/v1/models", headers={"host": "models.example.org"})
        assert "NEXTWORD_ALLOWED_HOSTS=models.example.org" in answer.json()["error"]["message"]
        assert answer.headers["x-request-id"]
    assert len([record for record in caplog.records if "models.example.org" in record.getMessage()]) == 1


@pytest.fixture(scope="module")
def known(checkpoints: Path) -> Iterator[Server]:
    """Has names and friends."""
    settings = {"allowed_hosts": "api, *.example.org", "cors_origins": "https://app.example.org"}
    with serving(checkpoints, **settings) as server:
        yield server


def test_browsers_may_use_names_of_the_setting(known: Server) -> None:
    for host in ("api:8000", "API", "a.example.org", "a.b.example.org:1", "localhost"):
        assert ask(known, f"host: {host}")[0] == 200
    for host in ("example.org", "api.evil.example", "badexample.org"):
        assert ask(known, f"host: {host}")[0] == 421


def simple_requests(page: list[str]) -> list[tuple[list[str], dict[str, object]]]:
    """Uploads, work and changes that a page may send without asking first."""
    return [
        ([*page, "content-type: text/plain"], {"path": "/v1/files", "body": b"the cat sat\n"}),
        ([*page, "content-type: text/plain"], {"path": "/v1/models/words/perplexity", "body": b"the cat sat\n"}),
        ([*page], {"path": CANCEL}),
        ([*page, "content-type: application/json"], {"path": NEXT, "body": BODY}),
    ]


@pytest.mark.parametrize(
    "page",
    [
        [f"origin: {EVIL}"],
        ["origin: null"],
        [f"origin: {EVIL}", "sec-fetch-site: cross-site"],
        ["origin: http://localhost:3000", "sec-fetch-site: same-site"],
        ["origin: http://localhost:3000"],
        ["sec-fetch-site: cross-site"],
    ],
)
def test_browsers_change_nothing_for_pages_of_other_origins(server: Server, page: list[str]) -> None:
    for headers, request in simple_requests(["host: localhost:8000", *page]):
        status, head, code = ask(server, *headers, method="POST", **request)
        assert (status, code) == (403, "cross_origin")
        assert "access-control" not in head
    changes = [("DELETE", "/v1/models/words"), ("PUT", "/v1/aliases/a")]
    reads = [("GET", f"/v1/models/words/export{end}") for end in ("", "?format=arpa", "%0A")]
    for method, path in (*changes, *reads):
        assert ask(server, "host: localhost:8000", *page, method=method, path=path)[::2] == (403, "cross_origin")
    assert ask(server, "host: localhost:8000", *page)[0] == 200  # which the browser keeps from the page


@pytest.mark.parametrize(
    "page",
    [
        [],
        ["origin: http://localhost:8000"],
        ["origin: http://localhost:8000", "sec-fetch-site: same-origin"],
        ["origin: https://models.example.org", "sec-fetch-site: same-origin"],  # a proxy that changes Host
        ["sec-fetch-site: none"],
    ],
)
def test_browsers_serve_programs_and_our_own_pages(server: Server, page: list[str]) -> None:
    statuses = [
        ask(server, *headers, method="POST", **request)[0]
        for headers, request in simple_requests(["host: localhost:8000", *page])
    ]
    assert statuses == [201, 200, 404, 200]


def test_browsers_have_no_cors_unless_it_is_set(server: Server, known: Server) -> None:
    preflight = ["host: localhost", "access-control-request-method: POST"]
    page = "origin: https://app.example.org"
    assert ask(server, *preflight, page, method="OPTIONS", path=NEXT)[0] == 405
    status, head, _ = ask(known, *preflight, page, method="OPTIONS", path=NEXT)
    assert (status, "access-control-allow-origin: https://app.example.org" in head) == (200, True)
    headers = ["host: localhost", page, "sec-fetch-site: cross-site", "content-type: application/json"]
    status, head, _ = ask(known, *headers, method="POST", path=NEXT, body=BODY)
    assert (status, "access-control-allow-origin: https://app.example.org" in head) == (200, True)
    evil = [f"origin: {EVIL}"]
    assert ask(known, *preflight, *evil, method="OPTIONS", path=NEXT)[0] == 400
    assert ask(known, "host: localhost", *evil, method="POST", path=NEXT, body=BODY)[0] == 403


def test_browsers_path_begins_with_a_slash(server: Server) -> None:
    assert ask(server, "host: localhost", method="OPTIONS", path="*")[::2] == (400, "invalid_input")


def test_host_names_are_read_as_browsers_write_them() -> None:
    assert [host_name(text) for text in ("A.org:", "a.org:http", "a b", "[::1", "a/b", "ä", "a\n")] == ["a.org"] + [
        None
    ] * 6
    assert "anything" in HostNames(["*"])
    assert "" not in HostNames([])
