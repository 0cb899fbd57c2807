"""GuardedHttpProtocol: uvicorn's protocol of one connection, for clients that mean no good.

What it adds: an upgrade is ignored, as this server offers none (RFC 9110, section 7.8); a head has a largest size and
must come in time; connections are counted (`open_connections`); what is no HTTP is answered in the shape of all errors.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.http.error_responses import ApiError
from app.middleware.request_id import RequestIdMiddleware, choose_request_id
from app.server.answer_transport import AnswerTransport
from app.server.open_connections import OpenConnections

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

logger = logging.getLogger(__name__)
Headers = Iterable[tuple[bytes, bytes]]
MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a head that comes in several pieces, and of what is neither head nor body; a piece has 256 KiB at most."""
MAX_HEADERS = 256
"""Fields of a head; each takes some hundred bytes of memory, however short it is."""
NO_METHODS = frozenset([b"CONNECT", b"PRI"])
"""Methods that begin another protocol: a tunnel, and HTTP/2."""
MAX_DROPPED_BYTES = 16 * 1024 * 1024
"""Bytes of a body that are read and dropped once its request has been answered."""


def _last_answer(status: int, kind: str, code: str, message: str) -> ApiError:
    """Describe an error after which the connection is closed."""
    return ApiError(status, kind, code, message, headers={"connection": "close"})


INVALID_HTTP = _last_answer(400, "invalid_request_error", "invalid_http", "this is not HTTP/1.1 as RFC 9112 defines it")
HEAD_TOO_LARGE = _last_answer(
    431,
    "invalid_request_error",
    "head_too_large",
    f"a request's head may have {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} fields",
)
HEAD_STALLED = _last_answer(408, "timeout_error", "head_stalled", "the request's head did not come in time")
NO_CONNECTION = _last_answer(
    503, "unavailable_error", "too_many_connections", "as many connections are open as there may be"
)


class GuardedHttpProtocol(HttpToolsProtocol):
    """The HTTP protocol of one connection."""

    def __init__(self, open_connections: OpenConnections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.awaited: object = None
        self.awaited_since = 0.0
        self.idle_since: object = self
        """What is awaited before the head of a request; another one after each that was answered without a scope."""
        self._open_connections = open_connections
        self._counted: object = None
        """The scope of the request whose `_excess` is counted."""
        self._excess = 0
        """Bytes that brought neither the end of the head nor some of the body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in, if there is room."""
        super().connection_made(transport)
        self._open_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._open_connections.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self._unset_keepalive_if_required()
        rest: bytes | memoryview = data
        while rest:  # a turn for each head with an upgrade
            rest = self._parse(rest)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless bytes have come that a late event loop has yet to read."""
        if not (self.transport.is_closing() or _has_unread(self.transport)):
            super().timeout_keep_alive_handler()

    def awaits(self) -> object:
        """Return what the client has to do next; None while a request is being answered."""
        if self.transport.is_closing():
            return self.transport.get_write_buffer_size()  # to read on
        if self._is_occupied():
            return self._awaited_body()
        # To begin a request, or to end its head: a new scope each.
        return self.idle_since if self.scope is None else self.scope

    def end(self) -> None:
        """End a connection whose client does nothing, with an answer if the head of a request has begun."""
        if self.transport.is_closing():
            self.transport.abort()
        elif self._is_occupied():
            pass  # a body, whose request ends by itself
        elif self._has_begun_head():
            self._reject(HEAD_STALLED)
        else:
            self.transport.close()

    def evict(self) -> None:
        """End a connection that stands still."""
        self.transport.abort()

    def refuse(self) -> None:
        """End a new connection for which there is no room."""
        self._reject(NO_CONNECTION)

    def _should_upgrade(self) -> bool:
        """Return that a head with an upgrade begins no request: `_ignore_upgrade` parses it again."""
        return True

    def _parse(self, data: bytes | memoryview) -> bytes | memoryview:
        """Parse what has come up to the first head with an upgrade; return what follows that."""
        cycle = self.cycle
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return memoryview(data)[upgrade.args[0] :] if self._ignore_upgrade() else b""
        except httptools.HttpParserError:
            self._reject(INVALID_HTTP)
        else:
            self._check_size(len(data), cycle)
        return b""

    def _ignore_upgrade(self) -> bool:
        """Parse the head that has just come again, without its upgrade; return whether more may follow.

        The parser would take what follows for another protocol: a body would be lost, or be read as a request.
        """
        method = self.parser.get_method()
        if method in NO_METHODS:
            self._reject(INVALID_HTTP)
            return False
        version = self.parser.get_http_version().encode()
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(fields))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as the one before
        self._parse(head)
        return not self.transport.is_closing()

    def _is_occupied(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _awaited_body(self) -> int | None:
        """Return how many bytes have come of a body of which a route waits for more; None where none does."""
        scope: Any = self.cycle.scope
        deadline = scope.get("state", {}).get("deadline")
        return deadline.body.received if deadline is not None and deadline.body.awaited else None

    def _has_begun_head(self) -> bool:
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin to answer a request whose head has come, unless it has too many fields."""
        scope: Any = cycle.scope
        if len(scope["headers"]) > MAX_HEADERS:
            app = cast("ASGI3Application", RequestIdMiddleware(_refuse_head))
        cycle.transport = cast("asyncio.Transport", AnswerTransport(self.transport, self.loop))
        super()._start_asgi_task(cycle, app)

    def _check_size(self, size: int, cycle_before: RequestResponseCycle | None) -> None:
        """Reject the request where too many bytes have come of what is no body; `size` of them came just now."""
        scope, cycle = self.scope, self.cycle
        has_head = cycle is not None and cycle.scope is scope
        if scope is not self._counted:
            self._counted = scope
            # A piece may begin with the end of what was sent before; all of it is head only after a whole request.
            is_all_head = not has_head and cycle is cycle_before and (cycle is None or not cycle.more_body)
            self._excess = size if is_all_head else 0
        elif has_head and cycle.body:
            self._excess = 0
        else:
            self._excess += size
        if self._excess > (MAX_DROPPED_BYTES if has_head and cycle.response_complete else MAX_HEAD_BYTES) or (
            len(self.headers or ()) > MAX_HEADERS and not has_head
        ):
            self._reject(HEAD_TOO_LARGE)

    def _reject(self, error: ApiError) -> None:
        """Answer with an error, unless that would be taken for another answer, and close the connection."""
        cycle = self.cycle
        if self._is_occupied() and error is INVALID_HTTP and not cycle.more_body:
            cycle.keep_alive = False  # a whole request came before, which is answered first
            return
        logger.info("%s - %d %s", self.client[0] if self.client else "", error.status, error.code)
        if not self._is_occupied() or not (cycle.response_started or self.pipeline):
            scope: Any = self.scope  # None before the first head
            request_id = choose_request_id(scope or {"headers": ()}).encode()
            headers = [*self.server_state.default_headers, (b"x-request-id", request_id)]
            self.transport.write(b"%b\r\n%b" % render(error, headers))
        self.transport.close()


async def _refuse_head(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request whose head is too large, in the application's place."""
    await HEAD_TOO_LARGE.response()(scope, receive, send)


def _has_unread(transport: asyncio.Transport) -> bool:
    """Return whether there is something to be read on a connection, or its end."""
    unread = select.poll()
    unread.register(transport.get_extra_info("socket"), select.POLLIN)
    return bool(unread.poll(0))


def render(error: ApiError, headers: Headers) -> tuple[bytes, bytes]:
    """Return the head of an error's answer, without the blank line at its end, and the body."""
    response = error.response()
    lines = b"".join(b"%b: %b\r\n" % pair for pair in [*headers, *response.raw_headers])
    return STATUS_LINE[error.status] + lines, bytes(response.body)
