"""The head of an answer goes with what follows at once, alone where nothing does, and nothing changes its place."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable

import httpx

from app.server.answer_transport import AnswerTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Wire(asyncio.Transport):
    """Transport that remembers what was sent together."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.sent.append(b"+".join(pieces))

    def close(self) -> None:
        self.sent.append(b"(closed)")

    def is_closing(self) -> bool:
        return b"(closed)" in self.sent


def sent(*turns: Callable[[AnswerTransport], None]) -> list[bytes]:
    """What goes out when an answer is written in so many turns of the event loop."""

    async def main() -> list[bytes]:
        wire = Wire()
        answer = AnswerTransport(wire, asyncio.get_running_loop())
        for turn in turns:
            turn(answer)
            await asyncio.sleep(0)
        return wire.sent

    return asyncio.run(main())


def test_answer_transport_sends_a_head_with_its_body() -> None:
    def whole(answer: AnswerTransport) -> None:
        answer.write(HEAD)
        answer.write(b"body")
        answer.write(b"more")

    assert sent(whole) == [HEAD + b"+body", b"more"]


def test_answer_transport_sends_a_head_alone_before_a_later_body() -> None:
    assert sent(lambda answer: answer.write(HEAD), lambda answer: answer.write(b"body")) == [HEAD, b"body"]


def test_answer_transport_sends_a_head_before_it_closes() -> None:
    def cut_short(answer: AnswerTransport) -> None:
        answer.write(HEAD)
        assert not answer.is_closing()
        answer.close()
        assert answer.is_closing()

    assert sent(cut_short) == [HEAD, b"(closed)"]


def test_answer_transport_joins_the_head_of_an_answer_after_another_interim_one() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"

    def whole(answer: AnswerTransport) -> None:
        answer.write(HEAD)
        answer.write(b"body")

    assert sent(lambda answer: answer.write(interim), whole) == [interim, HEAD + b"+body"]


def test_protocol_sends_an_answer_in_one_piece(client: httpx.Client) -> None:
    url, body = client.base_url, json.dumps({"context": "the old dog"})
    fields = f"host: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    requests = [
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n",
        f"POST /v1/models/words/next HTTP/1.1\r\n{fields}\r\n{body}",
    ]
    with socket.create_connection((url.host, url.port or 80)) as connection:
        for request in requests * 10:
            connection.sendall(request.encode())
            head, _, content = connection.recv(1 << 16).partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            assert len(content) == int(length[1])


def test_answer_transport_drops_a_head_that_nobody_waits_for() -> None:
    def hang_up(answer: AnswerTransport) -> None:
        answer.write(HEAD)
        answer._transport.close()

    assert sent(hang_up) == [b"(closed)"]
