"""Refuses work that has no room before it costs anything: where HTTP is read, with no task and nothing passed on.

Ten times more may be asked for than can be done, and what refusing takes is missing where the admitted are computed.
It knows uvicorn's protocol, and of all that `gate` refuses only the line that is full; whatever else is the case,
`gate` finds and says. Refusals are counted as all requests are, and logged by the second.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.admission import Line
from app.errors import failure
from app.gate import FindLine, model_of, route_of
from app.metrics import Metrics
from app.middleware import request_id
from app.reception import Reception
from models import right_of_way

logger = logging.getLogger(__name__)
LOG_SECONDS = 1.0
SAME_SECONDS = 0.05
"""How long all who come are told the same: when to come again is known no better than that."""
PATHS = 100
"""So many are remembered at a time."""


class Way(NamedTuple):
    """What a method and a path lead to."""

    line: Line | None
    route: str
    until: float
    """The event loop's time from which on they may lead elsewhere."""


class Refusal(NamedTuple):
    """What is told, as HTTP."""

    code: str
    head: bytes
    body: bytes
    until: float
    """The event loop's time from which on something else may have to be told."""


class Door:
    """Whom to send away, for all connections of a server; used in the event loop's thread only."""

    def __init__(self, reception: Reception, metrics: Metrics, line: FindLine) -> None:
        self._reception = reception
        self._metrics = metrics
        self._line = line
        self._ways: dict[tuple[str, str], Way] = {}
        self._told: dict[Line, Refusal] = {}
        self._let_in: Counter[Line] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()

    def refusal(self, scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> Refusal | None:
        """What is told, with these headers, to one for whom there is no room, now counted; None to all others."""
        now = asyncio.get_running_loop().time()
        line, route, _ = self._way(scope, now)
        if line is None or self._reception.stopping:
            return None
        if line.admits(1 + self._let_in[line]):
            self._expect(line)
            return None
        told = self._told.get(line)
        if told is None or now > told.until:
            told = self._told[line] = _refusal(line, headers, now + SAME_SECONDS)
        self._note(scope, route, told.code)
        return told

    def _way(self, scope: Scope, now: float) -> Way:
        """Those who are to be refused by the thousand ask for a few models, by few names."""
        asked = scope["method"], scope["path"]
        way = self._ways.get(asked)
        if way is None or now > way.until:
            if len(self._ways) >= PATHS:
                self._ways.clear()
            model = model_of(scope)
            way = self._ways[asked] = Way(self._line(model) if model else None, route_of(scope), now + SAME_SECONDS)
        return way

    def _expect(self, line: Line) -> None:
        """One that is let in takes its place when its task runs, after all that has come meanwhile is read."""
        if not self._let_in:
            asyncio.get_running_loop().call_soon(self._let_in.clear)
        self._let_in[line] += 1

    def _note(self, scope: Scope, route: str, code: str) -> None:
        self._metrics.done(route, code, 0.0)
        if not self._refused:
            asyncio.get_running_loop().call_later(LOG_SECONDS, self._log)
        self._refused[(scope["client"] or ("",))[0], scope["path"]] += 1

    def _log(self) -> None:
        """A line a second for each client and path: one for each refusal would cost as much as refusing does."""
        for (client, path), times in self._refused.items():
            logger.info('%s - "POST %s": no room, %d times within %g s', client, path, times, LOG_SECONDS)
        self._refused.clear()


def _refusal(line: Line, headers: Iterable[tuple[bytes, bytes]], until: float) -> Refusal:
    told = failure(line.overloaded())
    answer = told.response()
    lines = b"".join(b"%b: %b\r\n" % header for header in [*headers, *answer.raw_headers])
    return Refusal(told.code, STATUS_LINE[told.status] + lines, bytes(answer.body), until)


class Doorkeeper(HttpToolsProtocol):
    """One connection."""

    def __init__(self, door: Door, **given: Any) -> None:
        super().__init__(**given)
        self._door = door

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        right_of_way.give_way()
        super().data_received(data)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """See uvicorn: a request whose head has come begins to be answered."""
        # A task of its own waits for a client that does not read; and where more requests have come already, each
        # would be begun with inside the one before.
        scope: Any = cycle.scope
        refusal = None
        if not (self.pipeline or self.flow.write_paused):
            refusal = self._door.refusal(scope, cycle.default_headers)
        if refusal is None:
            super()._start_asgi_task(cycle, app)
        else:
            self._refuse(cycle, refusal, request_id(scope).encode())

    def _refuse(self, cycle: RequestResponseCycle, refusal: Refusal, request: bytes) -> None:
        """Send what the cycle would, in one piece; from then on it takes the body in and forgets it."""
        closing = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(b"%bx-request-id: %b\r\n%b\r\n%b" % (refusal.head, request, closing, refusal.body))
        cycle.response_started = cycle.response_complete = True
        cycle.on_response = _nothing  # it refers to this connection, which refers to the cycle
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _nothing() -> None:
    pass
