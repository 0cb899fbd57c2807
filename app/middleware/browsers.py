"""BrowserMiddleware: refuses what web pages of other sites send through a visitor's browser.

The `Host` of every request must be a name that the server has (421), so that no page gives it a name of its own. What
changes state or costs work must not come from a page of another origin (403): browsers say in `Sec-Fetch-Site` or
`Origin` where a request comes from, and no page can keep them from it. Programs send neither.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.exceptions import CrossOriginRequest, UnknownHost
from app.core.host_names import ANY, HostNames, host_name, split_names, split_origins
from app.core.settings import Settings
from app.http.declared_errors import raises
from app.http.error_responses import record_error, to_api_error
from app.http.request_body import get_header
from app.middleware.admission import ALWAYS_ADMITTED, READ_METHODS
from models.errors import InvalidInput, NextwordError

logger = logging.getLogger(__name__)
WATCHED_HEADERS = frozenset([b"host", b"origin", b"sec-fetch-site"])
COSTLY_READS = ("/export", "/export\n")
"""Ends of paths at which reading costs work; routes overlook a newline at the end."""
OWN_PAGES = frozenset(["same-origin", "none"])
"""Values of `Sec-Fetch-Site` for requests of our own pages, and of people who type an address."""
MAX_REMEMBERED = 100
"""Number of `Host` headers that are remembered as acceptable, and of unknown names that are logged."""


@raises(InvalidInput, UnknownHost, CrossOriginRequest, except_under=ALWAYS_ADMITTED)
class BrowserMiddleware:
    """Middleware that checks `Host`, and where a browser says that a page of another site asks."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        own = [f"[{settings.host}]" if ":" in settings.host else settings.host.lower()]
        self._names = HostNames([*own, *split_names(settings.allowed_hosts)])
        self._origins = frozenset(split_origins(settings.cors_origins))
        self._known: set[bytes] = set()
        """Headers that were found acceptable."""
        self._logged: set[str] = set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection."""
        if scope["type"] == "http":
            is_known = False
            for name, value in scope["headers"]:
                if name in WATCHED_HEADERS:
                    if name != b"host" or is_known or value not in self._known:
                        return self._serve_checked(scope, receive, send)
                    is_known = True
            if not is_known or scope["path"][:1] != "/":
                return self._serve_checked(scope, receive, send)
        return self.app(scope, receive, send)  # without a coroutine of its own: this is on everybody's way

    async def _serve_checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except NextwordError as error:
            record_error(scope, error)
            await to_api_error(error).response()(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raise InvalidInput, UnknownHost or CrossOriginRequest for a request that is not to be served."""
        path = scope["path"]
        if not path.startswith("/"):  # as in `OPTIONS *`
            raise InvalidInput("path", "must begin with a slash")
        if path.startswith(ALWAYS_ADMITTED):
            return
        self._check_host(scope)
        if not self._is_own(scope):
            raise CrossOriginRequest(_refusal(get_header(scope, b"origin")))

    def _check_host(self, scope: Scope) -> None:
        headers = [value for name, value in scope["headers"] if name == b"host"]
        if not headers and scope["http_version"] == "1.0":
            return  # no browser
        name = host_name(headers[0].decode("latin-1")) if len(headers) == 1 else None
        if name is None:
            raise InvalidInput("host", "must be sent once: the name or address of this server")
        if name not in self._names:
            self._log(name)
            raise UnknownHost(
                f"this server is not known as {name!r}; NEXTWORD_ALLOWED_HOSTS={name}, set where it runs, makes it so"
            )
        if len(self._known) < MAX_REMEMBERED:
            self._known.add(headers[0])

    def _is_own(self, scope: Scope) -> bool:
        """Return whether no page of another origin asks, or one that may."""
        origin, site = get_header(scope, b"origin").lower(), get_header(scope, b"sec-fetch-site")
        if origin in self._origins or ANY in self._origins or not (origin or site):
            return True
        if scope["method"] in READ_METHODS and not scope["path"].endswith(COSTLY_READS):
            return True  # what other origins may not read, browsers keep from them
        if site:
            return site in OWN_PAGES
        return origin.partition("://")[2] == get_header(scope, b"host").lower()

    def _log(self, name: str) -> None:
        if name not in self._logged and len(self._logged) < MAX_REMEMBERED:
            self._logged.add(name)
            logger.warning("refused a request to the host %r: NEXTWORD_ALLOWED_HOSTS does not list it", name)


def _refusal(origin: str) -> str:
    page = f"a page of {origin!r}" if origin else "a page of another site"
    return f"{page} asks, and may not; NEXTWORD_CORS_ORIGINS, set where the server runs, lists origins that may"
