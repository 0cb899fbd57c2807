"""AccessMiddleware: lets a request in by its API key, before its body is read.

Plain ASGI, so that streams pass through untouched. A service without any key lets everybody in who reaches it, if it
listens on a loopback address or the settings say so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.api_keys import ApiKey
from app.core.exceptions import BadApiKey, DatabaseUnavailable, LimitReached, ScopeMissing
from app.core.metrics import Metrics
from app.core.request_facts import note_caller
from app.core.settings import Settings
from app.http.access_rules import is_free, wanted_scopes
from app.http.declared_errors import raises
from app.http.error_responses import record_error, to_api_error
from app.http.request_body import get_header
from app.middleware.admission import route_label
from app.middleware.rate_limits import CallerLimits
from app.storage.key_ring import KeyRing
from app.storage.key_usage import KeyUsage
from models.errors import NextwordError

logger = logging.getLogger(__name__)
BEARER = "bearer"
MAX_CALLERS = 10_000
"""Keys whose limits are remembered at a time."""


@raises(BadApiKey, ScopeMissing, LimitReached, DatabaseUnavailable, except_under=("/health/",))
class AccessMiddleware:
    """Middleware that refuses requests without a key (401), the scope (403) or room in its limits (429)."""

    def __init__(self, app: ASGIApp, settings: Settings, keys: KeyRing, usage: KeyUsage, metrics: Metrics) -> None:
        self.app = app
        self._settings = settings
        self._keys = keys
        self._usage = usage
        self._metrics = metrics
        self._callers: dict[bytes, CallerLimits] = {}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection."""
        if self._keys.is_open or scope["type"] != "http" or is_free(scope["path"], self._settings):
            return self.app(scope, receive, send)  # without a coroutine of its own: this is on everybody's way
        return self._serve_caller(scope, receive, send)

    async def _serve_caller(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = self._caller_of(_identify(self._keys, scope))
        except NextwordError as error:
            await self._refuse(error, scope, receive, send)
            return
        note_caller(caller)
        await self._serve_within_limits(caller, scope, receive, _with_headers(send, caller) if caller else send)

    async def _serve_within_limits(self, caller: CallerLimits, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await caller.begin_request()
        except LimitReached as error:
            await self._refuse(error, scope, receive, send)
            return
        scope["state"]["api_key"] = caller.key
        try:
            await self.app(scope, receive, send)
        finally:
            await caller.settle()

    def _caller_of(self, key: ApiKey) -> CallerLimits:
        """Return the limits of a key, the same for all of its requests."""
        caller = self._callers.get(key.digest)
        if caller is None or caller.key is not key:
            if caller is None or caller.key.limits != key.limits:
                if len(self._callers) >= MAX_CALLERS:
                    self._callers.clear()
                caller = self._callers[key.digest] = CallerLimits(key, self._usage)
            caller.key = key
        return caller

    async def _refuse(self, error: NextwordError, scope: Scope, receive: Receive, send: Send) -> None:
        record_error(scope, error)
        api_error = to_api_error(error)
        if not isinstance(error, BadApiKey) or error.name:  # of strangers, the line of the request is enough
            logger.info("refused: %s", error)
        self._metrics.count_request(route_label(scope), api_error.code, 0.0)
        await api_error.response()(scope, receive, send)


def lets_in(keys: KeyRing, scope: Scope) -> bool:
    """Return whether a request to a guarded route has the key that it wants, whatever its limits."""
    if keys.is_open:
        return True
    try:
        _identify(keys, scope)
    except NextwordError:
        return False
    return True


def _identify(keys: KeyRing, scope: Scope) -> ApiKey:
    """Return the key of a request. Raises BadApiKey, ScopeMissing, or DatabaseUnavailable."""
    if not keys.is_known:
        raise DatabaseUnavailable("the API keys cannot be read yet")
    key = keys.find(bearer_token(scope))
    wanted = wanted_scopes(scope["method"], scope["path"])
    if key.scopes.isdisjoint(wanted):
        scopes = " or ".join(sorted(wanted))
        raise ScopeMissing(f"the API key {key.name!r} lacks the scope {scopes} that this route wants", scopes)
    return key


def bearer_token(scope: Scope) -> str:
    """Return the key that a request sends. Raises BadApiKey where it sends none, or an empty one."""
    scheme, _, token = get_header(scope, b"authorization").partition(" ")
    token = token.strip()
    if scheme.lower() != BEARER or not token:
        raise BadApiKey("an API key is needed: send the header `Authorization: Bearer KEY`")
    return token


def _with_headers(send: Send, caller: CallerLimits) -> Send:
    """Return a `send` that tells of the caller's limits."""

    async def send_with_limits(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *caller.headers()]
        await send(message)

    return send_with_limits
