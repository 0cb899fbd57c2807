"""Known heads: requests whose head was refused before, byte for byte, are refused without parsing.

A client that asks again and again mostly sends the same head, and what a head says depends on its bytes alone; whether
there is room is asked each time. Gain in ten times overload, two AVX2 cores: the slowest hundredth of the admitted
takes 1.6 times as long as at capacity instead of 2.1, and 131 are admitted a second instead of 110
(`benchmarks.service.tricks "refusal without parsing"`, medians of three rounds).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.http.request_body import get_header
from app.middleware.request_id import choose_request_id
from app.server.early_reject import Refusal, RejectingHttpProtocol

MAX_HEADS = 256
"""Number of heads that are remembered at a time."""
MAX_HEAD_BYTES = 4096
MAX_BODY_BYTES = 64 * 1024
"""Longest head and body of a request that is remembered."""
UNUSUAL = frozenset([b"transfer-encoding", b"expect", b"upgrade"])
"""Headers on which it depends what follows a head."""
END = b"\r\n\r\n"


class KnownHead(NamedTuple):
    """A request as its head describes it."""

    scope: Scope
    size: int
    """Bytes of the head and of the body that follows."""


class KnownHeads:
    """Memory of heads, of all connections."""

    def __init__(self) -> None:
        self._known: dict[bytes, KnownHead] = {}

    def find(self, piece: bytes) -> KnownHead | None:
        """Return the request that `piece` is, if its head is known; some of its body may be missing."""
        known = self._known.get(piece[: piece.find(END) + len(END)])
        return known if known is not None and len(piece) <= known.size else None

    def remember(self, piece: bytes, scope: Scope) -> None:
        """Remember the head with which `piece` begins, and which was parsed to `scope`, unless it is unusual."""
        head = piece[: piece.find(END) + len(END)]
        length = get_header(scope, b"content-length")
        # A line that ends in another way, or is empty and comes first, might end the head elsewhere.
        is_plain = head.startswith(b"POST ") and head.endswith(END) and head.count(b"\n") == head.count(b"\r\n")
        if not (is_plain and length.isdecimal() and scope["http_version"] == "1.1" and len(head) <= MAX_HEAD_BYTES):
            return
        if int(length) > MAX_BODY_BYTES or any(name in UNUSUAL for name, _ in scope["headers"]):
            return
        if len(self._known) >= MAX_HEADS:
            self._known.clear()
        self._known[head] = KnownHead({**scope, "state": {}}, len(head) + int(length))


class KnownHeadsProtocol(RejectingHttpProtocol):
    """The HTTP protocol of one connection, with early rejection, and an earlier one of known heads."""

    def __init__(self, known_heads: KnownHeads, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._known_heads = known_heads
        self._is_between = True
        """Whether the parser has read a request to its end, and nothing of another."""
        self._piece = b""
        """What has come just now, if it begins with a head that is still to be parsed."""
        self._begun_by = b""
        """The piece that begins with the head of the request that is parsed; empty where none does."""
        self._dropped_bytes = 0
        """Length of what is still to come of a body that nobody will read."""
        self._has_refused = False
        """Whether a known head was refused since the connection began to count as idle."""

    def data_received(self, data: bytes) -> None:
        """Refuse a request with a known head, or parse what has come."""
        if self._dropped_bytes:
            dropped = min(len(data), self._dropped_bytes)
            self._dropped_bytes -= dropped
            data = data[dropped:]
        if data and not (self._is_between and self._refuse_known(data)):
            self._piece = data if self._is_between else b""
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._is_between = False
        self._begun_by, self._piece = self._piece, b""
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Note that a request has come to its end."""
        self._is_between = True
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one with a refusal since it was last looked at is not idle."""
        if self._has_refused:
            self._has_refused = False
            self._await_next_request()
        else:
            super().timeout_keep_alive_handler()

    def _refuse(self, cycle: RequestResponseCycle, refusal: Refusal, scope: Scope) -> None:
        if cycle.keep_alive:
            self._known_heads.remember(self._begun_by, scope)
        super()._refuse(cycle, refusal, scope)

    def _refuse_known(self, piece: bytes) -> bool:
        """Refuse the request that a piece is, if its head is known and there is no room; return whether."""
        if not self._is_ready():
            return False
        known = self._known_heads.find(piece)
        if known is None:
            return False
        headers = self.server_state.default_headers
        refusal = self._rejector.reject(known.scope, self.client, headers, takes_place=False)
        if refusal is None:
            return False
        self._dropped_bytes = known.size - len(piece)
        self._has_refused = True
        self.scope, self.idle_since = None, object()  # type: ignore[assignment]
        self.server_state.total_requests += 1
        if self.timeout_keep_alive_task is None:
            self._await_next_request()
        self.transport.write(refusal.render(choose_request_id(known.scope)))
        return True

    def _is_ready(self) -> bool:
        """Return whether the next request would be answered at once, on a connection that is kept."""
        cycle = self.cycle
        if cycle is not None and (self.pipeline or not (cycle.response_complete and cycle.keep_alive)):
            return False
        return not (self.flow.write_paused or self.transport.is_closing())

    def _await_next_request(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
