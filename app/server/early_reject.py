"""Refuses work that has no room before it costs anything: where HTTP is read, with no task and nothing passed on.

Ten times more may be asked for than can be done, and what refusing takes is missing where the admitted are computed.
So a head that is, byte for byte, that of a request refused lately is not even parsed.
It knows uvicorn's protocol, and of all that `gate` refuses only the line that is full; whatever else is the case,
`gate` finds and says. Refusals are counted as all requests are, and logged by the second.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.core.metrics import Metrics
from app.engine.capacity import WorkQueue
from app.http.error_responses import to_api_error
from app.middleware.admission import FindQueue, model_in_path, route_label
from app.middleware.in_flight import InFlightRequests
from app.middleware.request_id import choose_request_id
from app.server.heads import Heads
from models.kernels import gil

logger = logging.getLogger(__name__)
LOG_SECONDS = 1.0
CACHE_SECONDS = 0.05
"""How long all who come are told the same: when to come again is known no better than that."""
MAX_ROUTES = 100
"""So many are remembered at a time."""
Client = tuple[str, int] | None
Headers = Iterable[tuple[bytes, bytes]]


class Route(NamedTuple):
    """What a method and a path lead to."""

    queue: WorkQueue | None
    label: str
    expires_at: float
    """The event loop's time from which on they may lead elsewhere."""


class Refusal(NamedTuple):
    """What is told, as HTTP."""

    code: str
    head: bytes
    body: bytes
    expires_at: float
    """The event loop's time from which on something else may have to be told."""


class EarlyRejector:
    """Whom to send away, for all connections of a server; used in the event loop's thread only."""

    def __init__(self, reception: InFlightRequests, metrics: Metrics, line: FindQueue) -> None:
        self.heads = Heads()
        """Of requests that were refused, for they are those that come again and again."""
        self._in_flight = reception
        self._metrics = metrics
        self._find_queue = line
        self._routes: dict[tuple[str, str], Route] = {}
        self._refusals: dict[WorkQueue, Refusal] = {}
        self._admitted: Counter[WorkQueue] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()

    def reject(self, scope: Scope, client: Client, headers: Headers) -> Refusal | None:
        """What is told, with these headers, to one for whom there is no room, now counted; None to all others."""
        now = asyncio.get_running_loop().time()
        line, route, _ = self._route(scope, now)
        if line is None or self._in_flight.stopping:
            return None
        if line.has_room(1 + self._admitted[line]):
            self._count_admitted(line)
            return None
        told = self._refusals.get(line)
        if told is None or now > told.expires_at:
            told = self._refusals[line] = _render_refusal(line, headers, now + CACHE_SECONDS)
        self._count_refusal(scope, client, route, told.code)
        return told

    def _route(self, scope: Scope, now: float) -> Route:
        """Those who are to be refused by the thousand ask for a few models, by few names."""
        asked = scope["method"], scope["path"]
        way = self._routes.get(asked)
        if way is None or now > way.expires_at:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            model = model_in_path(scope)
            way = self._routes[asked] = Route(
                self._find_queue(model) if model else None, route_label(scope), now + CACHE_SECONDS
            )
        return way

    def _count_admitted(self, line: WorkQueue) -> None:
        """One that is let in takes its place when its task runs, after all that has come meanwhile is read."""
        if not self._admitted:
            asyncio.get_running_loop().call_soon(self._admitted.clear)
        self._admitted[line] += 1

    def _count_refusal(self, scope: Scope, client: Client, route: str, code: str) -> None:
        self._metrics.count_request(route, code, 0.0)
        if not self._refused:
            asyncio.get_running_loop().call_later(LOG_SECONDS, self._log_refusals)
        self._refused[client[0] if client else "", scope["path"]] += 1

    def _log_refusals(self) -> None:
        """A line a second for each client and path: one for each refusal would cost as much as refusing does."""
        for (client, path), times in self._refused.items():
            logger.info('%s - "POST %s": no room, %d times within %g s', client, path, times, LOG_SECONDS)
        self._refused.clear()


def _render_refusal(line: WorkQueue, headers: Headers, until: float) -> Refusal:
    told = to_api_error(line.overloaded_error())
    answer = told.response()
    lines = b"".join(b"%b: %b\r\n" % pair for pair in [*headers, *answer.raw_headers])
    return Refusal(told.code, STATUS_LINE[told.status] + lines, bytes(answer.body), until)


class RejectingHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, door: EarlyRejector, **given: Any) -> None:
        super().__init__(**given)
        self._rejector = door
        self._between = True
        """Whether the next byte that is parsed begins a request."""
        self._fresh = b""
        """What is parsed, if it begins a request."""
        self._begun = b""
        """What begins with the request that is parsed; nothing if something lay before it."""
        self._owed = 0
        """Bytes to come of the body of a request that has its answer."""

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        gil.yield_to_compute_thread()
        if read := self._read_known(data):
            data = data[read:]
        if data:
            self._fresh = data if self._between else b""
            super().data_received(data)

    def _read_known(self, data: bytes) -> int:
        """Refuse the requests at the beginning of what has come whose heads are known; how many bytes that were."""
        at = min(self._owed, len(data))
        self._owed -= at
        while self._between and at < len(data) and not self._is_busy():
            end, head = self._rejector.heads.find(data, at)
            if head is None:
                break
            refusal = self._rejector.reject(head.scope, self.client, self.server_state.default_headers)
            if refusal is None:
                break
            self._unset_keepalive_if_required()
            self._send(refusal, head.scope)
            at = min(end + head.length, len(data))
            self._owed = end + head.length - at
        return at

    def timeout_keep_alive_handler(self) -> None:
        """See uvicorn: nothing has come for long, unless it has and the event loop, late itself, has yet to read it."""
        if not (self.transport.is_closing() or _has_unread(self.transport)):
            super().timeout_keep_alive_handler()

    def _is_busy(self) -> bool:
        """Whether an answer is under way, or cannot be sent."""
        return self.flow.write_paused or not (self.cycle is None or self.cycle.response_complete)

    def on_message_begin(self) -> None:
        """See httptools."""
        self._between = False
        self._begun, self._fresh = self._fresh, b""
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """See httptools."""
        self._between = True
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """See uvicorn: a request whose head has come begins to be answered."""
        # A task of its own waits for a client that does not read; and where more requests have come already, each
        # would be begun with inside the one before.
        scope: Any = cycle.scope
        refusal = None
        if not (self.pipeline or self.flow.write_paused):
            refusal = self._rejector.reject(scope, self.client, cycle.default_headers)
        if refusal is None:
            super()._start_asgi_task(cycle, app)
        else:
            self._refuse(cycle, refusal, scope)

    def _refuse(self, cycle: RequestResponseCycle, refusal: Refusal, scope: Scope) -> None:
        """Send what the cycle would, in one piece; from then on it takes the body in and forgets it."""
        cycle.response_started = cycle.response_complete = True
        cycle.on_response = _do_nothing  # it refers to this connection, which refers to the cycle
        if cycle.keep_alive:
            self._rejector.heads.remember(self._begun, scope)
            self._send(refusal, scope)
        else:
            self._send(refusal, scope, b"connection: close\r\n")
            self.transport.close()

    def _send(self, refusal: Refusal, scope: Scope, closing: bytes = b"") -> None:
        request = choose_request_id(scope).encode()
        self.transport.write(b"%bx-request-id: %b\r\n%b\r\n%b" % (refusal.head, request, closing, refusal.body))
        self.on_response_complete()


def _has_unread(transport: asyncio.Transport) -> bool:
    """Whether there is something to be read on a connection, or its end."""
    unread = select.poll()
    unread.register(transport.get_extra_info("socket"), select.POLLIN)
    return bool(unread.poll(0))


def _do_nothing() -> None:
    pass
