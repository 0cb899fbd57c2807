"""Load of concurrent clients that send their next request as soon as they have an answer.

All clients run in one event loop that does little else, over HTTP/1.1 on kept connections, as much of it as answers
with a content-length need. It must run in another process than the server, and costs some tens of microseconds a
request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np


@dataclass
class Load:
    """Measurements of a number of clients."""

    clients: int
    answers: list[bytes]
    latencies: list[float]
    """Seconds of each request, in the order of their ends."""
    seconds: float
    """From the first request to the last answer."""
    cpu_seconds: float = 0.0
    """Processor time of the server meanwhile; 0 where it was not measured."""

    def rate(self, tokens: int) -> float:
        """Tokens a second, each answer having so many."""
        return tokens * len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        """The median latency, in seconds."""
        return median(self.latencies)

    @property
    def p99(self) -> float:
        """The 99th percentile of latencies, in seconds."""
        return float(np.quantile(self.latencies, 0.99))


def load(port: int, path: str, bodies: Iterator[bytes], clients: int, seconds: float) -> Load:
    """Keep `clients` requests under way for `seconds`, then wait for the last answers.

    Raises RuntimeError for a refusal.
    """
    return asyncio.run(_load(port, path, bodies, clients, seconds))


async def _load(port: int, path: str, bodies: Iterator[bytes], clients: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(_Connection, "127.0.0.1", port))[1] for _ in range(clients)]
    answers: list[bytes] = []
    latencies: list[float] = []
    begin = time.perf_counter()

    async def client(connection: _Connection) -> None:
        while (sent := time.perf_counter()) < begin + seconds:
            answers.append(await connection.ask(path, next(bodies)))
            latencies.append(time.perf_counter() - sent)

    await asyncio.gather(*map(client, connections))
    elapsed = time.perf_counter() - begin
    for connection in connections:
        connection.close()
    return Load(clients, answers, latencies, elapsed)


class _Connection(asyncio.Protocol):
    """Kept connection that waits for one answer at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    async def ask(self, path: str, body: bytes) -> bytes:
        """Return the body of the answer."""
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        self._transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        self._received = b""
        if head.startswith(b"HTTP/1.1 200"):
            self._answer.set_result(body)
        else:
            self._answer.set_exception(RuntimeError((head + b"\n" + body).decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))


def _length(head: bytes) -> int:
    field = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(field.partition(b":")[2])
