"""Who is let in, over HTTP: refused before the body is read, ended in time, counted, and gone without a trace."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.helpers.serving import ENDLESS, Server, busy, counted, get, idle, metrics, post, serving, wait_for

KINDS = {
    "generate": ("generate", json.dumps(ENDLESS).encode(), "application/json"),
    "next": ("next", json.dumps({"context": ["a bird"] * 30_000, "top_k": 1}).encode(), "application/json"),
    "probability": ("probability", json.dumps({"text": "the cat " * 400_000}).encode(), "application/json"),
    "perplexity": ("perplexity", json.dumps({"text": "the cat " * 400_000}).encode(), "application/json"),
    "rescore": ("rescore", json.dumps({"hypotheses": [{"text": "the cat " * 400_000}]}).encode(), "application/json"),
    "text": ("perplexity", b"the cat saw a bird .\n" * 400_000, "text/plain"),
}


@pytest.fixture(scope="module")
def generous(checkpoints: Path) -> Iterator[Server]:
    with serving(checkpoints, max_tokens=10**6, max_texts=10**6, max_prompt_tokens=10**6) as server:
        yield server


@contextmanager
def connection(server: Server, path: str, media_type: str, *headers: str) -> Iterator[socket.socket]:
    """A request whose head has been sent, and of whose body nothing has; unless told its length, it comes in chunks."""
    host, port = server.url.removeprefix("http://").split(":")
    length = [] if any(header.startswith("content-length") for header in headers) else ["transfer-encoding: chunked"]
    head = [f"POST {path} HTTP/1.1", "host: localhost", f"content-type: {media_type}", *headers, *length, "", ""]
    with socket.socket() as opened:
        opened.settimeout(60)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # no room for what is not read
        opened.connect((host, int(port)))
        opened.sendall("\r\n".join(head).encode())
        yield opened


@pytest.mark.parametrize("model", ["words", "lstm"])
@pytest.mark.parametrize("kind", KINDS)
def test_admission_stops_a_request_at_its_deadline(generous: Server, model: str, kind: str) -> None:
    route, content, media_type = KINDS[kind]
    before = counted(generous, route, "timed_out")
    headers = {"content-type": media_type, "x-request-timeout-ms": "30"}
    answer = post(f"{generous.url}/v1/models/{model}/{route}", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timed_out"), answer.text[:300]
    wait_for(lambda: idle(generous.url))
    assert counted(generous, route, "timed_out") == before + 1


@pytest.mark.parametrize("model", ["words", "lstm"])
def test_admission_tells_streams_that_their_time_is_up(generous: Server, model: str) -> None:
    url = f"{generous.url}/v1/models/{model}"
    headers = {"x-request-timeout-ms": "2000"}
    answer = post(f"{url}/generate", json={**ENDLESS, "stream": True}, headers=headers)
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert answer.status_code == 200
    assert len(events) > 1
    assert json.loads(events[-1])["error"]["code"] == "timed_out"
    with connection(
        generous, f"/v1/models/{model}/perplexity", "application/x-ndjson", "x-request-timeout-ms: 2000"
    ) as c:
        record = b'{"text": "the cat"}\n'
        c.sendall(b"%x\r\n%s\r\n" % (len(record), record))  # and no more, nor an end
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += c.recv(65536)
    assert b'"token_count":3' in received
    assert b'"code":"timed_out"' in received
    wait_for(lambda: idle(generous.url))
    for route in ("generate", "perplexity"):
        assert counted(generous, route, "timed_out") >= 1


@pytest.mark.parametrize("given", ["", "0", "-1", "1.5", "1e3", "soon", "\u0663", "9" * 30])
def test_admission_refuses_a_timeout_that_is_no_number(generous: Server, given: str) -> None:
    headers = {"x-request-timeout-ms": given.encode()}
    answer = post(f"{generous.url}/v1/models/words/next", json={}, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "x-request-timeout-ms")
    assert "from 1 to 86400000" in error["message"]


def test_admission_does_not_wait_for_a_body_that_never_comes(generous: Server) -> None:
    head = ("content-length: 100", "x-request-timeout-ms: 100")
    with connection(generous, "/v1/models/lstm/next", "application/json", *head) as opened:
        opened.sendall(b'{"context"')
        assert opened.recv(65536).startswith(b"HTTP/1.1 504 ")
    wait_for(lambda: idle(generous.url))


def test_admission_refuses_without_room_before_the_body_has_come(checkpoints: Path) -> None:
    with serving(checkpoints, max_running=1, max_waiting=0, max_tokens=10**6) as server, busy(server, "lstm"):
        for route, _, media_type in KINDS.values():
            with connection(server, f"/v1/models/lstm/{route}", media_type, "content-length: 1000") as opened:
                head = opened.recv(65536).decode()
            assert head.startswith("HTTP/1.1 429 ")
            seconds = float(head.partition("retry-after-ms: ")[2].partition("\r")[0]) / 1e3
            assert 0 < seconds <= 120
        # The other line is empty, and those who ask how the service is are always answered.
        assert post(f"{server.url}/v1/models/words/generate", json={}).status_code == 200
        assert get(f"{server.url}/health/ready").status_code == 200
        assert counted(server, "generate", "overloaded") == 1


def test_admission_limits_requests_bytes_and_tokens(checkpoints: Path) -> None:
    settings = {"max_requests": 2, "max_pending_bytes": 2000, "max_tokens": 10**6, "max_pending_tokens": 10**6 + 50}
    with serving(checkpoints, **settings) as server, busy(server, "lstm"):
        url = f"{server.url}/v1/models/lstm"
        assert post(f"{url}/generate", json={"max_tokens": 5}).status_code == 200
        for body in ({"max_tokens": 60}, {"n": 16, "max_tokens": 4}, {"prompt": "a " * 60, "max_tokens": 1}):
            refused = post(f"{url}/generate", json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
        assert post(f"{url}/next", json={"context": "a " * 1000}).status_code == 429
        with busy(server, "words"):
            assert post(f"{url}/generate", json={"max_tokens": 5}).status_code == 429
            assert get(f"{server.url}/v1/models").status_code == 200  # reading what there is is counted apart
            assert get(f"{server.url}/v1/jobs/job-0/events").status_code == 429
            assert metrics(server.url)["nextword_requests_under_way"] == 2


def test_admission_cuts_off_a_reader_that_does_not_read_and_others_do_not_wait(checkpoints: Path) -> None:
    with serving(checkpoints, max_running=20, max_pending_tokens=10**7, max_tokens=10**5, reader_seconds=0.3) as server:
        body = json.dumps({"n": 16, "max_tokens": 10**5, "ignore_end": True, "stream": True}).encode()
        path = "/v1/models/words/generate"
        with connection(server, path, "application/json", f"content-length: {len(body)}") as opened:
            opened.sendall(body)
            for _ in range(3):
                assert post(f"{server.url}/v1/models/words/generate", json={"max_tokens": 50}).status_code == 200
            wait_for(lambda: counted(server, "generate", "slow_reader") == 1)
            wait_for(lambda: idle(server.url))


@pytest.mark.parametrize("model", ["words", "lstm"])
@pytest.mark.parametrize("kind", KINDS)
def test_admission_stops_work_whose_client_has_hung_up(generous: Server, model: str, kind: str) -> None:
    route, content, media_type = KINDS[kind]
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{generous.url}/v1/models/{model}/{route}",
            content=content,
            headers={"content-type": media_type},
            timeout=httpx.Timeout(60, read=0.03),
        )
    wait_for(lambda: idle(generous.url), seconds=20)


def test_admission_leaves_nothing_behind_after_a_storm_of_requests(checkpoints: Path) -> None:
    with serving(checkpoints, max_running=4, max_waiting=4) as server:
        with ThreadPoolExecutor(40) as pool:
            answers = list(
                pool.map(
                    lambda i: post(f"{server.url}/v1/models/lstm/generate", json={"max_tokens": 40, "seed": i}),
                    range(120),
                )
            )
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {200, 429}
        assert 200 in statuses
        assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
        wait_for(lambda: idle(server.url))
        done = sum(counted(server, "generate", outcome) for outcome in ("ok", "overloaded"))
        assert done == 120
