"""RequestIdMiddleware: an id for every request, and the answer to an exception that nobody handled.

Plain ASGI, so that streams pass through untouched.
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
    """Middleware that answers with an id of the request: the client's `x-request-id` where it is valid.

    An exception that nobody handled is logged with the id and answered with status 500, without details.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = choose_request_id(scope)
        header = (b"x-request-id", request_id.encode())
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            logger.debug("request %s: the client hung up", request_id)
        except Exception as error:
            record_error(scope, error)
            if started:
                raise
            await to_api_error(error).response()(scope, receive, send_with_id)


def choose_request_id(scope: Scope) -> str:
    """Return the client's own id where it is valid, else a new one."""
    client_id = get_header(scope, b"x-request-id")
    return client_id if client_id and VALID_ID.fullmatch(client_id) else f"{random.getrandbits(128):032x}"
