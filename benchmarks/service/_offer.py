"""Load at a fixed rate, whether or not requests are answered, from one thread that does little else.

HTTP/1.1 on kept connections, as much of it as answers with a content-length need, on bare sockets: at thousands of
requests a second any library takes the processor from the server. Seconds are those from sending to receiving; how late
requests were sent is told beside them. It must run in another process than the server.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MOST_CONNECTIONS = 1000
PATIENCE_SECONDS = 60.0
"""How long answers may take after the last request was due."""


@dataclass
class Offered:
    """Outcome of requests that were offered at a fixed rate."""

    admitted: list[float] = field(default_factory=list)
    """Seconds of each that was answered with 200."""
    refused: list[float] = field(default_factory=list)
    """Seconds of each that was answered with 429 or 503 and told when to try again."""
    late: list[float] = field(default_factory=list)
    """Seconds between when each was due and when it was sent."""
    unsent: int = 0
    """Due while every connection waited for an answer."""
    others: list[str] = field(default_factory=list)
    """Answers that are neither, and requests without one."""

    @property
    def answered(self) -> int:
        """Number of requests that have an answer."""
        return len(self.admitted) + len(self.refused) + len(self.others)


def offer(
    port: int, path: str, bodies: Iterator[bytes], rate: float, seconds: float, look: Callable[[], object]
) -> Offered:
    """Send `rate` requests a second for `seconds`, on as many connections as that takes.

    `look` is called once a second meanwhile.
    """
    return _Client(port, path, bodies).run(rate, seconds, look)


class _Client:
    def __init__(self, port: int, path: str, bodies: Iterator[bytes]) -> None:
        self._port = port
        self._head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n".encode()
        self._bodies = bodies
        self._poll = select.epoll()
        self._asking: dict[int, _Asking] = {}
        self._free: dict[int, socket.socket] = {}
        self._opened = 0
        self._found = Offered()

    def run(self, rate: float, seconds: float, look: Callable[[], object]) -> Offered:
        begin = time.perf_counter()
        count, number, looked = int(rate * seconds), 0, 0
        while number < count or self._asking:
            passed = time.perf_counter() - begin
            if passed > seconds + PATIENCE_SECONDS:
                self._found.others += ["no answer"] * len(self._asking)
                break
            if passed > looked:
                look()
                looked += 1
            self._receive(max(0.0, number / rate - passed) if number < count else 1.0)
            while number < count and (due := begin + number / rate) <= time.perf_counter():
                self._send(due)
                number += 1
        for connection in [*self._free.values(), *(one.connection for one in self._asking.values())]:
            connection.close()
        return self._found

    def _send(self, due: float) -> None:
        if not self._free and self._opened < MOST_CONNECTIONS:
            self._open()
        if not self._free:
            self._found.unsent += 1
            return
        (descriptor, connection), body = self._free.popitem(), next(self._bodies)
        request = b"%bcontent-length: %d\r\n\r\n%b" % (self._head, len(body), body)
        asking = self._asking[descriptor] = _Asking(connection, time.perf_counter())
        self._found.late.append(asking.sent - due)
        connection.sendall(request)

    def _open(self) -> None:
        self._opened += 1
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.register(connection, select.EPOLLIN)
        self._free[connection.fileno()] = connection

    def _receive(self, seconds: float) -> None:
        """Take in the answers that are there, or come in so long."""
        for descriptor, _ in self._poll.poll(seconds):
            if descriptor not in self._asking:
                self._close(descriptor, self._free.pop(descriptor))  # the server has, for it had nothing to do
                continue
            asking = self._asking[descriptor]
            asking.received += (data := _received(asking.connection))
            if not data or asking.is_whole():
                self._note(asking, time.perf_counter() - asking.sent)
                del self._asking[descriptor]
                if data:
                    self._free[descriptor] = asking.connection
                else:
                    self._close(descriptor, asking.connection)

    def _close(self, descriptor: int, connection: socket.socket) -> None:
        self._poll.unregister(descriptor)
        connection.close()
        self._opened -= 1

    def _note(self, asking: _Asking, seconds: float) -> None:
        head = asking.received.partition(b"\r\n\r\n")[0]
        if head.startswith(b"HTTP/1.1 200"):
            self._found.admitted.append(seconds)
        elif head.startswith((b"HTTP/1.1 429", b"HTTP/1.1 503")) and b"\r\nretry-after:" in head.lower():
            self._found.refused.append(seconds)
        else:
            self._found.others.append(asking.received.decode()[:200] or "closed")


def _received(connection: socket.socket) -> bytes:
    """Return the bytes received; none when the server has closed the connection."""
    try:
        return connection.recv(1 << 16)
    except ConnectionResetError:
        return b""


@dataclass
class _Asking:
    """A request under way."""

    connection: socket.socket
    sent: float
    received: bytes = b""

    def is_whole(self) -> bool:
        """Whether all of the answer is there."""
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        return len(body) >= int(length)
