"""What surrounds every request: an id for it, a limit on its body, and the answer when all else failed.

Plain ASGI, so that streams pass through untouched. It knows no routes and no models.
"""

from __future__ import annotations

import logging
import random
import re

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.error_responses import record_error, to_api_error
from app.http.request_body import get_header

logger = logging.getLogger(__name__)
VALID_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestIdMiddleware:
    """Gives each request an id (the client's own `x-request-id` where it is sane) and each answer that header.

    An exception that nobody handled is logged with the id and answered with status 500 and nothing of itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        chosen = choose_request_id(scope)
        tag = chosen.encode()
        scope.setdefault("state", {})["request_id"] = chosen
        started = False

        async def send_tagged(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", tag)]
            await send(message)

        try:
            await self.app(scope, receive, send_tagged)
        except ClientDisconnect:
            logger.debug("request %s: the client hung up", chosen)
        except Exception as error:
            record_error(scope, error)
            if started:
                raise
            await to_api_error(error).response()(scope, receive, send_tagged)


def choose_request_id(scope: Scope) -> str:
    """The client's own id where it is sane, else a new one."""
    given = get_header(scope, b"x-request-id")
    return given if given and VALID_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
