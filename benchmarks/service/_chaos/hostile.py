"""Clients that break off: uploads and streams cut in the middle, heads that never end."""

from __future__ import annotations

import json
import random
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

from benchmarks.service._chaos.ledger import Ledger

GENERATE = json.dumps({"prompt": "it was", "max_tokens": 2000, "ignore_end": True, "stream": True}).encode()


class Hostile:
    """Clients on raw sockets."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self._address = (urlsplit(url).hostname, urlsplit(url).port)
        self._ledger = ledger

    def take_turn(self) -> None:
        """Break off one request, wherever it stands."""
        name, first = random.choice(
            [
                (
                    "client: upload cut off",
                    _post("/v1/files?filename=cut.txt", "text/plain", 1 << 20) + b"a b\n" * 5000,
                ),
                ("client: body cut off", _post("/v1/models/gutenberg-kn/next", "application/json", 500) + b'{"con'),
                ("client: head cut off", b"POST /v1/models/gutenberg-kn/next HTTP/1.1\r\nhost: loc"),
                ("client: stream left unread", _generate("gutenberg-lstm")),
                ("client: stream left unread", _generate("gutenberg-kn")),
            ]
        )
        with suppress(OSError), socket.create_connection(self._address, timeout=10) as connection:
            connection.sendall(first)
            self._ledger.inject(name)
            time.sleep(random.uniform(0, 0.5))
        time.sleep(random.uniform(0, 0.5))


def _post(path: str, media_type: str, length: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\ncontent-length: {length}"
    return f"{head}\r\n\r\n".encode()


def _generate(model: str) -> bytes:
    return _post(f"/v1/models/{model}/generate", "application/json", len(GENERATE)) + GENERATE
