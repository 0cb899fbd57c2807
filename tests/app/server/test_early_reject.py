"""Refusals where HTTP is read: a connection stays in step, and the answers are those of the admission middleware."""

import asyncio
import json
import logging
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core.metrics import Metrics
from app.core.settings import Settings
from app.engine.capacity import WorkQueue
from app.middleware.admission import FindQueue
from app.middleware.in_flight import InFlightRequests
from app.server import early_reject
from app.server.early_reject import EarlyRejector, RejectingHttpProtocol
from app.server.guarded_protocol import GuardedHttpProtocol
from app.server.open_connections import OpenConnections
from app.server.server import http_protocol
from tests.helpers.serving import Server, busy, counted, idle, serving, wait_for

BODY = b'{"max_tokens": 2, "seed": 1}'
GENERATE = "/v1/models/lstm/generate"


@pytest.fixture(scope="module")
def small(checkpoints: Path) -> Iterator[Server]:
    """Has room for one text."""
    with serving(checkpoints, max_running=1, max_waiting=0, max_tokens=10**6) as server:
        yield server


@pytest.fixture
def full(small: Server) -> Iterator[Server]:
    """Has no room."""
    wait_for(lambda: idle(small.url))
    with busy(small, "lstm"):
        yield small


def asking(
    *headers: str, body: bytes = BODY, path: str = GENERATE, version: str = "1.1", method: str = "POST"
) -> bytes:
    length = [] if "transfer-encoding: chunked" in headers else [f"content-length: {len(body)}"]
    head = [f"{method} {path} HTTP/{version}", "host: localhost", "content-type: application/json", *length, *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


class Connection:
    """A kept connection and the answers that come on it."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self) -> tuple[int, dict[str, str], dict]:
        """Status, headers and content of the next one."""
        status = int(self._reader.readline().split()[1])
        headers = dict(line.decode().rstrip().split(": ", 1) for line in iter(self._reader.readline, b"\r\n"))
        return status, headers, json.loads(self._reader.read(int(headers["content-length"])))

    def ended(self) -> bool:
        """Whether the server closes the connection, now that all answers have been read."""
        return self._reader.read() == b""


def connected(server: Server) -> Connection:
    return Connection(server.url)


def refused(answer: tuple[int, dict[str, str], dict]) -> dict[str, str]:
    """The headers of what must be a refusal."""
    status, headers, content = answer
    assert (status, content["error"]["code"], content["error"]["type"]) == (429, "overloaded", "overloaded_error")
    assert content["error"]["message"] == "1 texts are under way or waiting, and no more are taken on"
    assert 1 <= int(headers["retry-after"]) <= 120
    assert 0 < int(headers["retry-after-ms"]) <= 120_000
    return headers


CHUNKED = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:])) + b"0\r\n\r\n"
LARGE = json.dumps({"prompt": "the cat " * 100_000}).encode()


@pytest.mark.parametrize(
    "pieces",
    [
        [asking()],
        [asking()[:50], asking()[50:]],
        [asking(body=BODY)[: -len(BODY)], BODY],
        [bytes([byte]) for byte in asking()],
        [asking("transfer-encoding: chunked", body=CHUNKED)],
        [asking("transfer-encoding: chunked", body=b""), CHUNKED[:9], CHUNKED[9:]],
        [asking(body=LARGE)],
        [asking("expect: 100-continue")],
        [asking(body=b"")],
        [asking(body=b"no JSON at all")],
        [asking(path="/v1/models/lstm@1/generate?why=not")],
    ],
    ids=[
        "whole",
        "split",
        "head, body",
        "bytes",
        "chunks",
        "head, chunks",
        "large",
        "expect",
        "empty",
        "no JSON",
        "url",
    ],
)
def test_early_reject_refuses_and_then_answers_on_a_kept_connection(small: Server, pieces: list[bytes]) -> None:
    with connected(small) as connection:
        wait_for(lambda: idle(small.url))
        with busy(small, "lstm"):
            before = counted(small, "generate", "overloaded")
            for _ in range(2):
                connection.send(*pieces)
                assert "connection" not in refused(connection.answer())
            assert counted(small, "generate", "overloaded") == before + 2
        wait_for(lambda: idle(small.url))
        connection.send(asking())
        status, _, content = connection.answer()
        assert (status, content["usage"]["completion_tokens"]) == (200, 2)


BODIES = [BODY, b"", b"\r\n\r\n", asking("x-request-id: none"), b"a" * 3000]
REQUESTS = [
    (429, "head", asking("x-request-id: head", body=body)) for body in BODIES
] + [
    (200, "ready", asking("x-request-id: ready", method="GET", path="/health/ready", body=b"")),
    (429, "chunks", asking("x-request-id: chunks", "transfer-encoding: chunked", body=CHUNKED)),
    (429, "long", asking("x-request-id: long", "x-note: " + "a" * 4096)),
    (404, "other", asking("x-request-id: other", path="/v1/models/nothing/generate")),
]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=12), st.lists(st.floats(0, 1), max_size=12))
def test_early_reject_stays_in_step_however_requests_are_cut(
    full: Server, requests: list[tuple[int, str, bytes]], cuts: list[float]
) -> None:
    sent = b"".join(request for _, _, request in requests)
    places = [0, *sorted(int(cut * len(sent)) for cut in cuts), len(sent)]
    with connected(full) as connection:
        connection.send(*(sent[begin:end] for begin, end in pairwise(places)))
        found = [connection.answer() for _ in requests]
    assert [(status, headers["x-request-id"]) for status, headers, _ in found] == [each[:2] for each in requests]


@pytest.mark.parametrize("request_", [asking(version="1.0"), asking("connection: close")], ids=["1.0", "close"])
def test_early_reject_closes_a_connection_that_is_not_to_be_kept(full: Server, request_: bytes) -> None:
    with connected(full) as connection:
        connection.send(request_)
        assert refused(connection.answer())["connection"] == "close"
        assert connection.ended()


def test_early_reject_answers_in_the_order_of_the_requests(full: Server) -> None:
    ready = asking(method="GET", path="/health/ready", body=b"")
    with connected(full) as connection:
        connection.send(ready + asking("x-request-id: a") + ready + asking("x-request-id: b") * 2 + ready)
        answers = [connection.answer() for _ in range(6)]
    assert [status for status, _, _ in answers] == [200, 429, 200, 429, 429, 200]
    assert [refused(answers[i])["x-request-id"] for i in (1, 3, 4)] == ["a", "b", "b"]


def test_early_reject_waits_for_the_answer_under_way(full: Server) -> None:
    long = json.dumps({"max_tokens": 4000, "ignore_end": True}).encode()
    with connected(full) as connection:
        connection.send(asking())
        refused(connection.answer())
        connection.send(asking(path="/v1/models/words/generate", body=long))
        wait_for(lambda: counted(full, "generate", "ok") >= 0)  # the event loop has read so far
        connection.send(asking())
        assert connection.answer()[0] == 200
        refused(connection.answer())


def test_early_reject_refuses_each_of_thousands_that_come_at_once(full: Server) -> None:
    slow = asking(method="GET", path="/v1/models", body=b"")
    with connected(full) as connection:
        for first in (b"", slow):  # each begun as it comes, or all of them waiting for the one before
            connection.send(first + asking() * 3000)
            if first:
                assert connection.answer()[0] == 200
            for _ in range(3000):
                refused(connection.answer())


def test_early_reject_answers_what_admission_answers(full: Server) -> None:
    with connected(full) as connection:
        # The second of three that come at once has another behind it, and so goes to the middleware.
        connection.send(asking(method="GET", path="/health/ready", body=b"") + asking() + asking())
        connection.answer()
        late, early = connection.answer(), connection.answer()
    assert late[::2] == early[::2]
    assert set(refused(late)) == set(refused(early))
    assert late[1]["content-type"] == early[1]["content-type"]


def test_early_reject_gives_an_id_of_its_own_or_the_clients(full: Server) -> None:
    with connected(full) as connection:
        connection.send(asking("x-request-id: mine") + asking("x-request-id: <not sane>") + asking())
        found = [refused(connection.answer())["x-request-id"] for _ in range(3)]
    assert found[0] == "mine"
    assert all(re.fullmatch("[0-9a-f]{32}", given) for given in found[1:])
    assert len(set(found)) == 3


def test_early_reject_lets_pass_what_is_no_work_of_the_queue(full: Server) -> None:
    with connected(full) as connection:
        for path, method, status in [
            ("/v1/models/words/generate", "POST", 200),
            ("/v1/models/nothing/generate", "POST", 404),
            ("/v1/models", "GET", 200),
            (GENERATE, "GET", 405),
            ("/health/live", "GET", 200),
        ]:
            connection.send(asking(path=path, method=method))
            assert connection.answer()[0] == status


def test_protocol_keeps_a_connection_whose_request_lies_unread() -> None:
    asked, sent = threading.Event(), threading.Event()

    def stall(model: str) -> None:
        """Where heads are read, of which there may be many at a turn of the event loop."""
        if model == "stall":
            asked.set()
            sent.wait()

    with running(stall) as url, Connection(url) as first, Connection(url) as second:
        first.send(asking())
        first.answer()
        second.send(asking(path="/v1/models/stall/generate"))
        asked.wait()
        first.send(asking())
        threading.Event().wait(1.5)  # until the event loop, which cannot, would have closed it
        sent.set()
        assert first.answer()[0] == second.answer()[0] == 200
        assert first.ended()  # as it is idle now


def test_protocol_forgets_a_connection_that_breaks_while_idle(caplog: pytest.LogCaptureFixture) -> None:
    with running(lambda _: None) as url:
        with Connection(url) as broken, Connection(url) as idle_:
            for each in (broken, idle_):
                each.send(asking())
                each.answer()
            broken.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            broken.__exit__()  # without a farewell
            assert idle_.ended()  # so the other's time is up as well
        with Connection(url) as another:
            another.send(asking())
            another.answer()
    assert not [record for record in caplog.records if record.name == "asyncio"]


@contextmanager
def running(line: FindQueue) -> Iterator[str]:
    """The address of a server that closes a connection after a second, and answers all whom `line` lets in."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    rejector = EarlyRejector(InFlightRequests(Settings()), Metrics(), line, lambda _: True)
    keeper: Any = partial(RejectingHttpProtocol, rejector, OpenConnections(limit=100, seconds=60))
    with serving_by(app, keeper) as url:
        yield url


@contextmanager
def serving_by(app: Any, protocol: Any) -> Iterator[str]:
    """The address of a server whose connections have a protocol, and are closed when idle for a second."""
    config = uvicorn.Config(app, port=0, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_early_reject_logs_refusals_together(full: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    line = re.compile('127.0.0.1 - "POST /v1/models/gru/generate": no room, (.) times within 1 s')

    def times() -> int:
        found = [
            line.fullmatch(record.getMessage()) for record in caplog.records if record.name == early_reject.__name__
        ]
        return sum(int(match[1]) for match in found if match)

    with connected(full) as connection:
        for _ in range(7):
            connection.send(asking(path="/v1/models/gru/generate"))
            refused(connection.answer())
    wait_for(lambda: times() == 7)
    assert not [record for record in caplog.records if record.name == "uvicorn.access" and record.args[-1] == 429]


def test_early_reject_can_be_turned_off_and_the_answers_stay(checkpoints: Path) -> None:
    with serving(checkpoints, max_running=1, max_waiting=0, max_tokens=10**6, early_reject=False) as server:
        assert http_protocol(server.app).func is GuardedHttpProtocol
        with connected(server) as connection:
            with busy(server, "lstm"):
                before = counted(server, "generate", "overloaded")
                for _ in range(2):
                    connection.send(asking())
                    refused(connection.answer())
                assert counted(server, "generate", "overloaded") == before + 2
            wait_for(lambda: idle(server.url))
            connection.send(asking())
            assert connection.answer()[0] == 200


def test_missing_internals_are_none_of_the_uvicorn_that_is_installed() -> None:
    assert early_reject.missing_internals() == []


def test_missing_internals_are_named() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.scope = self.keep_alive = self.on_response = self.response_started = self.default_headers = None
            self.body = self.more_body = self.transport = None

    class Protocol(HttpToolsProtocol):
        def _start_asgi_task(self, cycle: Any) -> None: ...

    assert early_reject.missing_internals(cycle=Cycle) == ["response_complete"]
    assert early_reject.missing_internals(Protocol)[0] == "_start_asgi_task"


def test_http_protocol_steps_aside_where_uvicorn_is_unknown(
    small: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert http_protocol(small.app) != "auto"
    monkeypatch.setattr(early_reject, "missing_internals", lambda: ["pipeline"])
    assert http_protocol(small.app) == "auto"
    assert "early_reject (pipeline): it is off" in caplog.text


def test_http_protocol_steps_aside_where_uvicorn_lacks_the_module(
    small: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "app.server.early_reject")
    monkeypatch.delattr("app.server.early_reject")
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    assert http_protocol(small.app) == "auto"
    assert "early_reject" in caplog.text


def test_early_reject_counts_no_place_of_those_who_may_not_ask() -> None:
    queue = WorkQueue(max_running=2, max_waiting=0, max_tokens=100)

    def may_ask(scope: dict[str, Any]) -> bool:
        return bool(scope["headers"])

    async def ask() -> None:
        rejector = EarlyRejector(InFlightRequests(Settings()), Metrics(), lambda _: queue, may_ask)
        stranger = {"method": "POST", "path": "/v1/models/lstm/generate", "headers": []}
        with queue.reserve():
            # All in one turn of the event loop: each that was let in here would take a place until its task runs.
            assert [rejector.reject(stranger, None, []) for _ in range(5)] == [None] * 5
            caller = stranger | {"headers": [(b"authorization", b"Bearer")]}
            assert rejector.reject(caller, None, []) is None
            assert rejector.reject(caller, None, []) is not None

    asyncio.run(ask())
