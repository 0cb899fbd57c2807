"""Bodies that are announced and do not come: they hold nothing, end, and leave room for others."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from app.core.exceptions import BodyStalled
from app.core.settings import Settings
from app.http.arriving_body import ArrivingBody
from tests.helpers.serving import Server, get, idle, metrics, post, serving, wait_for

IDLE_SECONDS = 0.4
NEXT = "/v1/models/words/next"
PERPLEXITY = "/v1/models/lstm/perplexity"
MIB = 1 << 20


@pytest.fixture(scope="module")
def impatient(checkpoints: Path) -> Iterator[Server]:
    """Waits a moment for bodies, of which it holds 8 MiB, and has places for 40 requests."""
    settings = {"max_requests": 40, "max_pending_bytes": 8 * MIB, "min_body_rate": 1000}
    with serving(checkpoints, body_idle_seconds=IDLE_SECONDS, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def patient(checkpoints: Path) -> Iterator[Server]:
    """Waits for bodies as long as a test takes, and has places for 40 requests and 40 texts."""
    with serving(checkpoints, max_requests=40, max_running=30, max_waiting=10, max_pending_bytes=8 * MIB) as server:
        yield server


@contextmanager
def sending(server: Server, path: str, media_type: str, *headers: str, body: bytes = b"{") -> Iterator[socket.socket]:
    """A request of whose body some has been sent."""
    host, port = server.url.removeprefix("http://").split(":")
    head = [f"POST {path} HTTP/1.1", "host: localhost", f"content-type: {media_type}", *headers, "", ""]
    with socket.create_connection((host, int(port)), timeout=60) as opened:
        opened.sendall("\r\n".join(head).encode() + body)
        yield opened


def status(opened: socket.socket) -> tuple[int, str]:
    """Status and error code of the answer, after which the connection ends."""
    received = b"".join(iter(lambda: opened.recv(65536), b""))
    return int(received.split()[1]), json.loads(received.partition(b"\r\n\r\n")[2])["error"]["code"]


def test_bodies_that_are_announced_hold_nothing(patient: Server) -> None:
    with ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(sending(patient, NEXT, "application/json", f"content-length: {4 * MIB}"))
        wait_for(lambda: metrics(patient.url)["nextword_requests_under_way"] == 32)
        wait_for(lambda: metrics(patient.url)["nextword_pending_bytes"] == 32)
        assert post(f"{patient.url}{NEXT}", json={"context": "the " * 1000}).status_code == 200
    wait_for(lambda: idle(patient.url))


def test_bodies_that_have_come_are_counted(patient: Server) -> None:
    filler = b'{"context": "' + b"a" * (7 * MIB)
    with sending(patient, NEXT, "application/json", f"content-length: {8 * MIB - 1}", body=filler) as opened:
        wait_for(lambda: metrics(patient.url)["nextword_pending_bytes"] == len(filler))
        answer = post(f"{patient.url}{NEXT}", json={"context": "a" * 2 * MIB})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "overloaded")
        chunks = (b'{"context": "', b"a" * 2 * MIB)  # which announce nothing
        answer = post(f"{patient.url}{NEXT}", content=iter(chunks), headers={"content-type": "application/json"})
        assert answer.status_code == 429
        answer = post(f"{patient.url}/v1/jobs", content=iter(chunks), headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "overloaded")
        assert post(f"{patient.url}{NEXT}", json={"context": "the"}).status_code == 200
        opened.close()
    wait_for(lambda: idle(patient.url))


@pytest.mark.parametrize("path", [NEXT, "/v1/jobs", "/tokenize"])
def test_text_for_a_route_that_wants_json_is_held_and_bounded_as_json_is(patient: Server, path: str) -> None:
    kept = b"a" * (7 * MIB)
    with sending(patient, path, "text/plain", f"content-length: {8 * MIB - 1}", body=kept):
        wait_for(lambda: metrics(patient.url)["nextword_pending_bytes"] == len(kept))
    answer = post(f"{patient.url}{path}", content=b"a" * (8 * MIB + 1), headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    wait_for(lambda: idle(patient.url))


@pytest.mark.parametrize("path", ["/v1/files", NEXT, PERPLEXITY])
def test_bodies_that_stand_still_take_no_place_of_others(patient: Server, path: str) -> None:
    media_type = "text/plain" if path == PERPLEXITY else "application/json" if path == NEXT else "application/x-any"
    with ExitStack() as stack:
        for _ in range(60):  # more than there are places, for requests and for texts
            stack.enter_context(sending(patient, path, media_type, "content-length: 1000"))
        wait_for(lambda: metrics(patient.url)["nextword_requests_under_way"] == 60)
        for read in ("models", "models/words", "files", "jobs", "aliases", "models/words/vocabulary"):
            assert get(f"{patient.url}/v1/{read}").status_code == 200
        wait_for(lambda: metrics(patient.url)["nextword_slow_places"] == 0)
        assert post(f"{patient.url}{NEXT}", json={"context": "the"}).status_code == 200
        assert post(f"{patient.url}/v1/models/lstm/generate", json={"max_tokens": 3}).status_code == 200
    wait_for(lambda: idle(patient.url))


def test_texts_of_which_nothing_came_take_no_place(patient: Server) -> None:
    with ExitStack() as stack:
        for media_type in ("text/plain", "application/x-ndjson"):
            stack.enter_context(sending(patient, PERPLEXITY, media_type, "content-length: 1000", body=b""))
        wait_for(lambda: metrics(patient.url)["nextword_requests_under_way"] == 2)
        assert metrics(patient.url)["nextword_slow_places"] == 0
    wait_for(lambda: idle(patient.url))


KINDS = [
    (NEXT, "application/json"),
    ("/v1/jobs", "application/json"),
    ("/v1/files", "text/plain"),
    ("/v1/files", "multipart/form-data; boundary=b"),
    (PERPLEXITY, "text/plain"),
    (PERPLEXITY, "application/json"),
    ("/v1/completions", "application/json"),
    (NEXT, "text/plain"),
    ("/v1/jobs", "application/x-ndjson"),
    ("/tokenize", "text/plain"),
]


def test_bodies_that_stand_still_are_ended(impatient: Server) -> None:
    with ExitStack() as stack:
        stalled = []
        for path, media_type in KINDS:
            body = b"--b\r\n" if "multipart" in media_type else b"{"
            for length, start in (("content-length: 99", body), ("transfer-encoding: chunked", b"63\r\n" + body)):
                stalled.append(stack.enter_context(sending(impatient, path, media_type, length, body=start)))
        assert [status(opened) for opened in stalled] == [(408, "body_stalled")] * len(stalled)
    wait_for(lambda: idle(impatient.url))


def test_bodies_that_come_too_slowly_are_ended(impatient: Server) -> None:
    with sending(impatient, "/v1/files", "text/plain", "content-length: 100000") as opened:
        opened.settimeout(IDLE_SECONDS / 10)
        received, tries = b"", 0
        while not received and tries < 300:
            opened.sendall(b"a\n")
            tries += 1
            try:
                received = opened.recv(65536)
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408 ")
    wait_for(lambda: idle(impatient.url))


def test_records_may_come_slowly_and_not_stand_still(impatient: Server) -> None:
    record = b'{"text": "the cat"}\n'
    chunk = b"%x\r\n%b\r\n" % (len(record), record)
    with sending(impatient, PERPLEXITY, "application/x-ndjson", "transfer-encoding: chunked", body=chunk) as opened:
        for _ in range(6):
            time.sleep(IDLE_SECONDS / 3)
            opened.sendall(chunk)
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += opened.recv(65536)
    assert received.count(b'"token_count":3') == 7
    assert b'"code":"body_stalled"' in received


def test_arriving_body_counts_the_time_that_is_waited_for_it() -> None:
    settings = Settings(body_idle_seconds=10, min_body_rate=100)
    body = ArrivingBody()
    for _ in range(100):  # nobody waits
        assert body.look(1, settings) is None
    body.awaited, body.received = True, 5000
    for _ in range(10):  # the first look finds something new
        assert body.look(1, settings) is None
    assert isinstance(body.look(1, settings), BodyStalled)
    body.received += 1
    assert body.look(1, settings) is None
    for _ in range(60):  # 12 seconds waited for 5001 bytes; at 51 seconds 5040 < 5100
        body.received += 1
        reason = body.look(1, settings)
        if reason:
            break
    assert "less than 100 bytes a second; 5040 bytes had come" in str(reason)
    body.is_paced = False
    body.received += 1
    assert body.look(1, settings) is None
