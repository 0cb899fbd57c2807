"""Connections of clients that mean no good: upgrades, endless heads, too many connections."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.settings import Settings
from app.server.open_connections import OpenConnections, connection_limit
from tests.helpers.serving import Server, get, serving, wait_for

HEAD_SECONDS = 0.5
BODY = b'{"context": "the", "top_k": 1}'
NEXT = "/v1/models/words/next"
SMUGGLED = b"GET /v1/models/smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"
H2C = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAARAAAAAAAIAAAAA")
HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.fixture(scope="module")
def hasty(checkpoints: Path) -> Iterator[Server]:
    """Waits half a second for a head, and has room for 32 connections."""
    with serving(checkpoints, head_seconds=HEAD_SECONDS, max_connections=32) as server:
        yield server


def head(*headers: str, method: str = "POST", path: str = NEXT, version: str = "1.1") -> bytes:
    fields = ["host: localhost", "content-type: application/json", *headers]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *fields, "", ""]).encode()


@contextmanager
def connected(server: Server, data: bytes = b"") -> Iterator[socket.socket]:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.sendall(data)
        yield opened


def answers(opened: socket.socket) -> list[tuple[int, dict]]:
    """Status and content of each answer until the connection ends."""
    received, found = b"".join(iter(lambda: opened.recv(65536), b"")), []
    while received:
        top, _, rest = received.partition(b"\r\n\r\n")
        length = int(top.lower().partition(b"content-length: ")[2].split()[0])
        found.append((int(top.split()[1]), json.loads(rest[:length])))
        received = rest[length:]
    return found


def exchange(server: Server, *pieces: bytes) -> list[tuple[int, dict]]:
    with connected(server) as opened:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.005)  # so that they come apart
            opened.sendall(piece)
        return answers(opened)


UPGRADES = [H2C, ("connection: upgrade", "upgrade: websocket"), ("connection: keep-alive, Upgrade", "upgrade: TLS/1.0")]


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_protocol_ignores_an_upgrade_and_reads_the_body(server: Server, upgrade: tuple[str, ...]) -> None:
    length, end = f"content-length: {len(BODY)}", head("connection: close", method="GET", path="/health/live")
    one_segment = head(*upgrade, length) + BODY
    ways = [
        (one_segment + end,),
        (head(*upgrade, length), BODY + end),
        (head(*upgrade, length) + BODY[:9], BODY[9:], end),
        (head(*upgrade, "transfer-encoding: chunked") + CHUNKED[:7], CHUNKED[7:] + end),
        (*(one_segment[at : at + 50] for at in range(0, len(one_segment), 50)), end),
    ]
    for pieces in ways:
        found = exchange(server, *pieces)
        assert found[0][0] == 200, found
        assert found[0][1]["model"] == "words@1"
        assert found[1:] == [(200, {"status": "live"})]


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_protocol_never_reads_the_body_of_an_upgrade_as_a_request(server: Server, upgrade: tuple[str, ...]) -> None:
    length, end = f"content-length: {len(SMUGGLED)}", head("connection: close", method="GET", path="/health/live")
    for pieces in ((head(*upgrade, length) + SMUGGLED + end,), (head(*upgrade, length), SMUGGLED, end)):
        statuses = [status for status, _ in exchange(server, *pieces)]
        assert statuses == [400, 200]  # that it is no JSON, and the one that follows


def test_protocol_ignores_an_upgrade_without_a_body(server: Server) -> None:
    end = head("connection: close", method="GET", path="/health/live")
    for path in ("/health/live", "/v1/models/words"):
        found = exchange(server, head(*H2C, method="GET", path=path) + end)
        assert [status for status, _ in found] == [200, 200]


def test_protocol_refuses_what_is_no_http_in_the_shape_of_errors(server: Server) -> None:
    for data in (
        b"\x16\x03\x01\x02\x00",
        b"GET / FTP/1.0\r\n\r\n",
        HTTP_2,
        head(method="CONNECT", path="localhost:80"),
    ):
        ((status, content),) = exchange(server, data)
        assert (status, content["error"]["code"]) == (400, "invalid_http")


def test_protocol_answers_a_whole_request_before_what_is_no_http(server: Server) -> None:
    length = f"content-length: {len(BODY)}"
    found = exchange(server, head(length) + BODY + b"\x16\x03\x01\x02\x00\r\n\r\n")
    assert [status for status, _ in found] == [200]


def test_protocol_refuses_a_head_that_does_not_end(server: Server) -> None:
    for endless in (b"GET /" + b"a" * 400_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 400_000, b"x: y\r\n" * 60_000):
        start = b"" if endless.startswith(b"GET") else b"GET / HTTP/1.1\r\n"
        with connected(server, start + endless[:10]) as opened:
            time.sleep(0.02)
            for at in range(10, len(endless), 65536):
                try:
                    opened.sendall(endless[at : at + 65536])
                except ConnectionError:
                    break
            try:
                answer = opened.recv(65536)
            except ConnectionError:
                continue  # it was closed while more came
            assert answer.startswith(b"HTTP/1.1 431 ")


def test_protocol_refuses_a_head_of_too_many_fields(server: Server) -> None:
    many = [f"a{number}: b" for number in range(300)]
    whole = head(*many, method="GET", path="/health/live")
    for pieces in ((whole,), (whole[:1000], whole[1000:-9], whole[-9:])):
        ((status, content),) = exchange(server, *pieces)
        assert (status, content["error"]["code"]) == (431, "head_too_large")
    assert exchange(server, head(*many[:200], "connection: close", method="GET", path="/health/live"))[0][0] == 200


def test_protocol_takes_many_requests_in_one_piece(server: Server) -> None:
    end = head("connection: close", method="GET", path="/health/live")
    for upgrade in ((), H2C):  # of which each may be parsed again
        found = exchange(server, head(*upgrade, method="GET", path="/health/live") * 2000 + end[:40], end[40:])
        assert [status for status, _ in found] == [200] * 2001


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_protocol_answers_or_ends_whatever_comes(server: Server, data: st.DataObject) -> None:
    text = head(f"content-length: {len(BODY)}", *data.draw(st.sampled_from([(), *UPGRADES]))) + BODY
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        odd = (
            st.sampled_from([b"", b"\0", b"\r", b"\n", b"\r\n\r\n", b":", b" ", b"\xff", b"chunked", b"9" * 30])
            | st.binary()
        )
        text = text[:at] + data.draw(odd) + text[at + data.draw(st.integers(0, 9)) :]
    with connected(server, text[: len(text) // 2]) as opened:
        opened.settimeout(0.05)
        with suppress(ConnectionError, TimeoutError):
            opened.sendall(text[len(text) // 2 :])
            received = b"".join(iter(lambda: opened.recv(65536), b""))
            assert received == b"" or re.match(rb"HTTP/1.1 [1-4]\d\d ", received)


def test_protocol_ends_connections_whose_head_does_not_come(hasty: Server) -> None:
    starts = [b"", b"G", b"\r\n", head()[:-2], head()[:30]]
    begun = time.monotonic()
    with ExitStack() as stack:
        for opened, start in [(stack.enter_context(connected(hasty, start)), start) for start in starts]:
            answer = opened.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408 ") == (start.strip() != b"")
            assert answer == b"" or opened.recv(65536) == b""
    assert HEAD_SECONDS * 0.9 < time.monotonic() - begun < 10


def test_protocol_ends_a_head_that_comes_a_byte_at_a_time(hasty: Server) -> None:
    with connected(hasty) as opened:
        for count in range(1000):
            try:
                opened.sendall(b"GET /" if count == 0 else b"a")
            except ConnectionError:
                break
            time.sleep(0.02)
        assert HEAD_SECONDS / 0.02 / 3 < count < 900


def test_protocol_ends_a_connection_that_is_idle_after_an_answer(hasty: Server) -> None:
    with connected(hasty, head(method="GET", path="/v1/models")) as opened:
        assert opened.recv(65536).startswith(b"HTTP/1.1 200 ")
        opened.sendall(b"\r\n")  # takes uvicorn's timer away
        while opened.recv(65536):
            pass


def test_protocol_waits_for_a_request_that_is_being_answered(hasty: Server) -> None:
    body = b'{"max_tokens": 4000, "ignore_end": true, "stream": true}'
    with connected(hasty, head(f"content-length: {len(body)}", path="/v1/models/words/generate") + body) as opened:
        time.sleep(2.5 * HEAD_SECONDS)
        received = b""
        while b"[DONE]" not in received:
            received += opened.recv(65536)


def test_connections_make_room_for_new_ones_when_they_are_idle(hasty: Server) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(hasty)) for _ in range(100)]
        assert get(f"{hasty.url}/v1/models").status_code == 200
        assert idle[0].recv(10) == b""
    wait_for(lambda: get(f"{hasty.url}/v1/models").status_code == 200)


def test_connections_make_room_for_new_ones_when_their_bodies_stand_still(hasty: Server) -> None:
    with ExitStack() as stack:
        stalled = [stack.enter_context(connected(hasty, head("content-length: 9"))) for _ in range(32)]
        wait_for(lambda: answers_now(hasty), seconds=10)
        for _ in range(5):
            assert answers_now(hasty)
        assert sum(is_open(opened) for opened in stalled) > 20


def answers_now(server: Server) -> bool:
    """Whether a new connection is served; those without room are told so."""
    with connected(server, head("connection: close", method="GET", path="/v1/models")) as opened:
        try:
            answer = b"".join(iter(lambda: opened.recv(65536), b""))
        except ConnectionError:
            return False
        assert answer.startswith(b"HTTP/1.1 200 ") or b"too_many_connections" in answer
        return answer.startswith(b"HTTP/1.1 200 ")


def is_open(opened: socket.socket) -> bool:
    opened.setblocking(False)
    try:
        return opened.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


class Fake:
    """A connection that awaits what it is told to, and notes what is done to it."""

    def __init__(self, awaited: object) -> None:
        self.awaited_since, self.awaited, self._awaits = 0.0, None, awaited
        self.ended: list[str] = []

    def awaits(self) -> object:
        return self._awaits

    def end(self) -> None:
        self.ended.append("end")

    def evict(self) -> None:
        self.ended.append("evict")

    def refuse(self) -> None:
        self.ended.append("refuse")


def test_connections_without_room_are_refused_and_the_longest_still_make_room() -> None:
    async def main() -> list[list[str]]:
        connections = OpenConnections(limit=3, seconds=60)
        busy, older, newer, refused, late = Fake(None), Fake(object()), Fake(7), Fake(None), Fake(None)
        for each in (busy, older, newer):
            connections.add(each)
            await asyncio.sleep(0.001)
        connections.add(late)
        newer._awaits = 8  # a byte has come
        connections.add(refused)
        assert len(connections) == 3
        return [each.ended for each in (busy, older, newer, refused, late)]

    assert asyncio.run(main()) == [[], ["evict"], [], ["refuse"], []]


def test_connections_that_stand_still_are_ended_and_an_error_stops_no_look(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Fake):
        def end(self) -> None:
            super().end()
            raise RuntimeError

    async def main() -> None:
        connections = OpenConnections(limit=9, seconds=0.05)
        broken, moving, still = Broken(0), Fake(0), [Fake("head") for _ in range(6)]
        for each in (broken, moving, *still):
            connections.add(each)
        while not all(each.ended for each in still):
            await asyncio.sleep(0.01)
            moving._awaits += 1
        assert (broken.ended, moving.ended) == (["end"], [])

    asyncio.run(main())
    assert "connections: failed" in caplog.text


def test_connection_limit_leaves_descriptors_for_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, limit in [
        (100_000, 4096),
        (4096, 1920),
        (1024, 384),
        (20, 16),
        (resource.RLIM_INFINITY, 4096),
    ]:
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connection_limit(Settings()) == limit
