"""Early rejection: 429 for work without room, where HTTP is read, before a task or a middleware runs.

Under ten times the load that can be served, refusing must cost little: an early refusal takes about a third of the
processor time of one by AdmissionMiddleware, which refuses everything else and gives the same answers. `EarlyRejector`
decides and counts, `RejectingHttpProtocol` is the guarded protocol with a rejector in front. The setting `early_reject`
turns both off, and `missing_internals` says whether this uvicorn is one that our protocols can extend.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.core.metrics import Metrics
from app.engine.capacity import WorkQueue
from app.http.error_responses import to_api_error
from app.middleware.admission import FindQueue, model_in_path, route_label
from app.middleware.in_flight import InFlightRequests
from app.middleware.request_id import choose_request_id
from app.server.guarded_protocol import GuardedHttpProtocol, Headers, render
from app.server.open_connections import OpenConnections

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

logger = logging.getLogger(__name__)
LOG_SECONDS = 1.0
"""Refusals are logged together, once in this time."""
CACHE_SECONDS = 0.05
"""How long a rendered refusal and a looked-up route are used again; when to retry is known no better than that."""
MAX_ROUTES = 100
"""Number of routes that are remembered at a time."""
Client = tuple[str, int] | None
METHODS = {
    "_start_asgi_task": ["self", "cycle", "app"],
    "_should_upgrade": ["self"],
    "_unset_keepalive_if_required": ["self"],
    "connection_lost": ["self", "exc"],
    "connection_made": ["self", "transport"],
    "data_received": ["self", "data"],
    "on_message_begin": ["self"],
    "on_message_complete": ["self"],
    "on_response_complete": ["self"],
    "timeout_keep_alive_handler": ["self"],
}
"""Methods of uvicorn's protocol that are overridden or called, and their parameters."""
PROTOCOL_ATTRIBUTES = (
    "client",
    "cycle",
    "flow",
    "headers",
    "loop",
    "parser",
    "pipeline",
    "scope",
    "server_state",
    "timeout_keep_alive",
    "timeout_keep_alive_task",
    "transport",
)
CYCLE_ATTRIBUTES = (
    "body",
    "default_headers",
    "keep_alive",
    "more_body",
    "on_response",
    "response_complete",
    "response_started",
    "scope",
    "transport",
)


def missing_internals(protocol: type[Any] = HttpToolsProtocol, cycle: type[Any] = RequestResponseCycle) -> list[str]:
    """Return what our protocols need of uvicorn's classes and do not find there."""
    methods = [
        name
        for name, parameters in METHODS.items()
        if not hasattr(protocol, name) or list(inspect.signature(getattr(protocol, name)).parameters) != parameters
    ]
    attributes = [
        name
        for owner, names in ((protocol, PROTOCOL_ATTRIBUTES), (cycle, CYCLE_ATTRIBUTES))
        for name in names
        if name not in owner.__init__.__code__.co_names
    ]
    return methods + attributes


class Route(NamedTuple):
    """The queue and the label of metrics that a method and a path lead to."""

    queue: WorkQueue | None
    label: str
    expires_at: float
    """Time of the event loop from which on they may lead elsewhere."""


class Refusal(NamedTuple):
    """A pre-rendered 429 response: everything but the request's id."""

    code: str
    head: bytes
    body: bytes
    expires_at: float
    """Time of the event loop from which on it has to be rendered anew."""

    def render(self, request_id: str, more: bytes = b"") -> bytes:
        """Return the whole answer to a request, with `more` lines in its head."""
        return b"%bx-request-id: %b\r\n%b\r\n%b" % (self.head, request_id.encode(), more, self.body)


class EarlyRejector:
    """Decision which requests to refuse, of all connections; used in the event loop's thread only."""

    def __init__(
        self, in_flight: InFlightRequests, metrics: Metrics, find_queue: FindQueue, lets_in: Callable[[Scope], bool]
    ) -> None:
        """`lets_in` tells of a request whether it may ask at all; if not, it takes no place here."""
        self._lets_in = lets_in
        self._in_flight = in_flight
        self._metrics = metrics
        self._find_queue = find_queue
        self._routes: dict[tuple[str, str], Route] = {}
        self._refusals: dict[WorkQueue, Refusal] = {}
        self._admitted: Counter[WorkQueue] = Counter()
        """Requests let in by this class that have not reserved their place yet."""
        self._refused: Counter[tuple[str, str]] = Counter()
        """Refusals since the last line of the log, by client and path."""

    def reject(self, scope: Scope, client: Client, headers: Headers, *, takes_place: bool = True) -> Refusal | None:
        """Count and return the refusal, with these headers, of a request; None where there is room.

        The room then counts as taken until all that has arrived is read, unless the same is to be asked again.
        """
        now = asyncio.get_running_loop().time()
        queue, label, _ = self._route(scope, now)
        if queue is None or self._in_flight.stopping or not self._lets_in(scope):
            return None
        if queue.has_room(1 + self._admitted[queue]):
            if takes_place:
                self._count_admitted(queue)
            return None
        refusal = self._refusals.get(queue)
        if refusal is None or now > refusal.expires_at:
            refusal = self._refusals[queue] = _render_refusal(queue, headers, now + CACHE_SECONDS)
        self._count_refusal(scope, client, label, refusal.code)
        return refusal

    def _route(self, scope: Scope, now: float) -> Route:
        """Return where a request leads, mostly from a cache: thousands of refusals are of few routes."""
        key = scope["method"], scope["path"]
        route = self._routes.get(key)
        if route is None or now > route.expires_at:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            model = model_in_path(scope)
            queue = self._find_queue(model) if model else None
            route = self._routes[key] = Route(queue, route_label(scope), now + CACHE_SECONDS)
        return route

    def _count_admitted(self, queue: WorkQueue) -> None:
        """Count a request that takes its place only when its task runs, after all arrived bytes are read."""
        if not self._admitted:
            asyncio.get_running_loop().call_soon(self._admitted.clear)
        self._admitted[queue] += 1

    def _count_refusal(self, scope: Scope, client: Client, label: str, code: str) -> None:
        self._metrics.count_request(label, code, 0.0)
        if not self._refused:
            asyncio.get_running_loop().call_later(LOG_SECONDS, self._log_refusals)
        self._refused[client[0] if client else "", scope["path"]] += 1

    def _log_refusals(self) -> None:
        """Log a line for each client and path; a line for each refusal would cost as much as refusing does."""
        for (client, path), times in self._refused.items():
            fields = {"client": client, "path": path, "times": times, "outcome": "overloaded"}
            logger.info('%s - "POST %s": no room, %d times within %g s', client, path, times, LOG_SECONDS, extra=fields)
        self._refused.clear()


def _render_refusal(queue: WorkQueue, headers: Headers, expires_at: float) -> Refusal:
    api_error = to_api_error(queue.overloaded_error())
    return Refusal(api_error.code, *render(api_error, headers), expires_at)


class RejectingHttpProtocol(GuardedHttpProtocol):
    """The HTTP protocol of one connection, with early rejection."""

    def __init__(self, rejector: EarlyRejector, open_connections: OpenConnections, **arguments: Any) -> None:
        super().__init__(open_connections, **arguments)
        self._rejector = rejector

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin to answer a request whose head has come, or refuse it."""
        # A client that does not read its answers needs a task that waits for it; and where more requests lie in the
        # pipeline, each refusal would begin the next request inside this call.
        scope: Any = cycle.scope
        refusal = None
        if not (self.pipeline or self.flow.write_paused):
            refusal = self._rejector.reject(scope, self.client, cycle.default_headers)
        if refusal is None:
            super()._start_asgi_task(cycle, app)
        else:
            self._refuse(cycle, refusal, scope)

    def _refuse(self, cycle: RequestResponseCycle, refusal: Refusal, scope: Scope) -> None:
        """Send a whole answer in the cycle's place, which from then on takes the body in and drops it."""
        cycle.response_started = cycle.response_complete = True
        cycle.on_response = _do_nothing  # breaks the reference cycle of this connection and its cycle
        closing = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(refusal.render(choose_request_id(scope), closing))
        self.on_response_complete()
        if not cycle.keep_alive:
            self.transport.close()


def _do_nothing() -> None:
    pass
