"""Heads of requests, byte for byte: what was found out when the same was read before, so that it need not be parsed.

It knows how HTTP/1.1 frames a request whose body is so many bytes, and remembers no other. It does not know what
becomes of requests.
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import Scope

from app.http.request_body import get_header

END = b"\r\n\r\n"
HEADS = 100
"""So many are remembered at a time."""
HEAD_BYTES, BODY_BYTES = 4096, 64 * 1024
"""No longer ones are remembered, nor those of longer bodies: the rest of a body comes before its connection is idle."""
INVOLVED = {b"transfer-encoding", b"upgrade"}
"""Headers after which a body is not just so many bytes."""


class Head(NamedTuple):
    """What a request's head says, to whoever reads that very head again."""

    scope: Scope
    length: int
    """Bytes of the body."""


class Heads:
    """Those that were read lately."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes, at: int) -> tuple[int, Head | None]:
        """Where a head ends that begins `at` in `data`, and what it says, where that is known."""
        end = data.find(END, at) + len(END)
        return end, self._known.get(data[at:end])

    def remember(self, data: bytes, scope: Scope) -> None:
        """What a parser made of the head that `data` begins with, if all of it is there."""
        head = data[: data.find(END) + len(END)]
        if (length := _length(head, scope)) is not None:
            if len(self._known) >= HEADS:
                self._known.clear()
            self._known[head] = Head(scope, length)


def _length(head: bytes, scope: Scope) -> int | None:
    """Bytes of the body after this head; None where that takes a parser to find out, or the head is not all there."""
    names = {name for name, _ in scope["headers"]}
    lines = len(scope["headers"]) + 2  # and no other: one that ends early has more, and so has one that is folded
    if not head.startswith(b"POST ") or head.count(b"\n") != lines or len(head) > HEAD_BYTES or names & INVOLVED:
        return None
    length = int(get_header(scope, b"content-length") or 0)
    return length if length <= BODY_BYTES else None
