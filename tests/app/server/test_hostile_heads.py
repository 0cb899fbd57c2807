"""Heads of requests as nobody means them: an answer in HTTP or none, no failure of the server, and it goes on."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, settings

from tests.helpers.serving import Server, get
from tests.parsers.mutations import mutations

BODY = b'{"context": "the", "top_k": 1}'
HEAD = b"POST /v1/models/words/next HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
REQUESTS = [
    b"GET /v1/models?limit=1 HTTP/1.1\r\nhost: localhost\r\naccept: text/html, */*;q=0.5\r\nx-request-id: a\r\n\r\n",
    HEAD + b"content-length: %d\r\nx-request-timeout-ms: 5000\r\n\r\n" % len(BODY) + BODY,
    HEAD + b"transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n",
    HEAD
    + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"POST /v1/files HTTP/1.0\r\nauthorization: Bearer a\r\norigin: http://a\r\ncontent-length: 3\r\n"
    b'content-type: multipart/form-data; boundary="b"\r\n\r\n--b',
    b"OPTIONS * HTTP/1.1\r\nhost: [::1]:8000\r\nlast-event-id: 5\r\nif-none-match: *\r\nrange: bytes=0-\r\n\r\n",
]
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def answer(server: Server, data: bytes) -> bytes:
    """What the server says to these bytes until it ends the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as opened:
        try:
            opened.sendall(data)
            opened.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: opened.recv(65536), b""))
        except ConnectionError:  # it was ended while more came
            return b""


def search(server: Server, form: str, requests: Sequence[bytes], examples: int) -> None:
    """Search for bytes to which the answer is no HTTP, or that of a server that failed."""

    @settings(
        max_examples=examples,
        derandomize=examples < 1000,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations(form, requests))
    def check(data: bytes) -> None:
        told = answer(server, data)
        assert not told or STATUS.match(told)
        assert all(int(status) < 500 for status in STATUS.findall(told)), told[:300]

    check()
    assert get(f"{server.url}/health/live").status_code == 200


def test_server_answers_mutated_lines_of_heads_without_failing(server: Server) -> None:
    search(server, "lines", REQUESTS, 40)


def test_server_answers_mutated_bytes_of_requests_without_failing(server: Server) -> None:
    search(server, "bytes", REQUESTS, 40)
