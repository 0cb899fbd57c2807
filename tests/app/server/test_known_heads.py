"""Requests with a head that has been refused before: not parsed again, and answered as all others are."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core.metrics import Metrics
from app.core.settings import Settings
from app.engine.capacity import WorkQueue
from app.middleware.in_flight import InFlightRequests
from app.server.early_reject import EarlyRejector
from app.server.known_heads import MAX_HEADS, KnownHeads, KnownHeadsProtocol
from app.server.open_connections import OpenConnections
from tests.app.server.test_early_reject import BODY, Connection, asking, connected, refused, serving_by
from tests.helpers.serving import Server, busy, counted, idle, serving, wait_for


@pytest.fixture
def small(checkpoints: Path) -> Iterator[Server]:
    """Has room for one text, and knows no head yet."""
    with serving(checkpoints, max_running=1, max_waiting=0, max_tokens=10**6) as server:
        yield server


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each head that is parsed on connections made from now on."""
    heads: list[int] = []
    parse = HttpToolsProtocol.on_headers_complete

    def count(protocol: HttpToolsProtocol) -> None:
        heads.append(1)
        parse(protocol)

    monkeypatch.setattr(HttpToolsProtocol, "on_headers_complete", count)
    return heads


def test_known_head_is_parsed_once_however_often_and_wherever_it_comes(small: Server, parsed: list[int]) -> None:
    with busy(small, "lstm"), connected(small) as first, connected(small) as second:
        before = counted(small, "generate", "overloaded")
        parsed.clear()
        ids = set()
        for connection in (first, second) * 5:
            connection.send(asking())
            ids.add(refused(connection.answer())["x-request-id"])
        assert len(parsed) == 1
        assert counted(small, "generate", "overloaded") == before + 10
    assert len(ids) == 10
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_known_head_with_the_clients_id_is_answered_with_it(small: Server) -> None:
    with busy(small, "lstm"), connected(small) as connection:
        for _ in range(3):
            connection.send(asking("x-request-id: mine"))
            assert refused(connection.answer())["x-request-id"] == "mine"


@pytest.mark.parametrize(
    "pieces",
    [
        [asking()[: -len(BODY)], BODY],
        [asking()[:-3], BODY[-3:]],
        [asking()[:-3], BODY[-3:] + asking()[:40], asking()[40:] + asking()],
        [asking() + asking(), asking()],
    ],
    ids=["head, body", "most, rest", "rest with the next", "two"],
)
def test_known_head_keeps_a_connection_in_step_however_its_bytes_come(small: Server, pieces: list[bytes]) -> None:
    with connected(small) as connection:
        with busy(small, "lstm"):
            for _ in range(3):
                connection.send(*pieces)
                for _ in range(b"".join(pieces).count(b"POST")):
                    refused(connection.answer())
        wait_for(lambda: idle(small.url))
        connection.send(asking())
        assert connection.answer()[0] == 200


def test_known_head_is_let_in_as_soon_as_there_is_room(small: Server) -> None:
    with connected(small) as connection:
        for _ in range(2):
            with busy(small, "lstm"):
                for _ in range(2):
                    connection.send(asking())
                    refused(connection.answer())
            wait_for(lambda: idle(small.url))
            connection.send(asking())
            assert connection.answer()[0] == 200


def test_known_head_of_another_length_is_another_head(small: Server) -> None:
    longer = b'{"max_tokens": 2, "seed": 12345}'
    with busy(small, "lstm"), connected(small) as connection:
        for body in (BODY, longer, BODY, longer):
            connection.send(asking(body=body))
            refused(connection.answer())


@contextmanager
def full_for_ever(connections: OpenConnections) -> Iterator[str]:
    """The address of a server that refuses all, and closes a connection that is idle for a second."""
    queue = WorkQueue(max_running=1, max_waiting=0, max_tokens=100)
    rejector = EarlyRejector(InFlightRequests(Settings()), Metrics(), lambda _: queue, lambda _: True)
    protocol: Any = partial(KnownHeadsProtocol, KnownHeads(), rejector, connections)
    with queue.reserve(), serving_by(_answer_none, protocol) as url:
        yield url


async def _answer_none(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("a request was let in")


def test_known_head_keeps_a_connection_from_counting_as_idle() -> None:
    with full_for_ever(OpenConnections(limit=100, seconds=0.8)) as url, Connection(url) as connection:
        begin = time.monotonic()
        while time.monotonic() < begin + 3:  # longer than an idle connection is kept, and than a head may take
            connection.send(asking())
            refused(connection.answer())
            time.sleep(0.1)
        assert connection.ended()


def test_known_head_that_comes_first_lets_an_idle_connection_end() -> None:
    with full_for_ever(OpenConnections(limit=100, seconds=60)) as url:
        with Connection(url) as first:
            first.send(asking())
            refused(first.answer())
        with Connection(url) as second:
            second.send(asking())
            refused(second.answer())
            assert second.ended()


def scope_of(*headers: tuple[bytes, bytes], version: str = "1.1") -> dict[str, Any]:
    return {"http_version": version, "headers": [(b"content-length", b"28"), *headers], "state": {"own": 1}}


def test_known_heads_remember_what_a_head_was_parsed_to_without_its_state() -> None:
    heads = KnownHeads()
    heads.remember(asking(), scope_of())
    found = heads.find(asking())
    assert found is not None
    assert found.size == len(asking())
    assert found.scope == scope_of() | {"state": {}}
    assert heads.find(asking()[:-5]) == found
    assert heads.find(asking() + b"POST") is None
    assert heads.find(asking()[:30]) is heads.find(b"") is None


@pytest.mark.parametrize(
    ("piece", "scope"),
    [
        (b"\r\n" + asking(), scope_of()),
        (b"\r\n\r\n" + asking(), scope_of()),
        (asking().replace(b"\r\n", b"\n") + b"\r\n\r\n", scope_of()),
        (asking()[:40], scope_of()),
        (asking("x-note: " + "a" * 4096), scope_of()),
        (asking(), scope_of((b"expect", b"100-continue"))),
        (asking(), scope_of((b"upgrade", b"websocket"))),
        (asking(), scope_of((b"transfer-encoding", b"chunked"))),
        (asking(), scope_of(version="1.0")),
        (asking(), {"http_version": "1.1", "headers": []}),
        (asking(), {"http_version": "1.1", "headers": [(b"content-length", b"1000000")]}),
    ],
)
def test_known_heads_remember_no_unusual_head(piece: bytes, scope: dict[str, Any]) -> None:
    heads = KnownHeads()
    heads.remember(piece, scope)
    assert heads.find(piece) is None


def test_known_heads_are_not_more_than_so_many() -> None:
    heads = KnownHeads()
    for number in range(3 * MAX_HEADS):
        heads.remember(asking(f"x-request-id: {number}"), scope_of())
    assert len(heads._known) <= MAX_HEADS
