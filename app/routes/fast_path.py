"""The short way to routes that take a model and a body of JSON: what the framework does for each request takes longer
than a short question to an n-gram model.

It knows the one shape of such routes, `route(call, body)`, and takes what is as it should be. Whatever is not (another
method or kind of body, a body that is not valid) goes the framework's way, which tells what is wrong with it; the
routes stand there like any other, and are documented.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, TypeAlias, get_type_hints

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.error_responses import HANDLED_ERRORS, handle_error
from app.http.request_body import JSON, get_header, strip_parameters
from app.routes.dependencies import model_request

Endpoint: TypeAlias = Callable[..., Coroutine[Any, Any, Response]]
MODELS_PREFIX = ["", "v1", "models"]


class _FastRoute(NamedTuple):
    """A route and the kind of its body."""

    endpoint: Endpoint
    body_type: type[BaseModel]


class FastPathMiddleware:
    """Answers `POST /v1/models/{model}/{name}` by the route of that name, where there is one."""

    def __init__(self, app: ASGIApp, routes: Mapping[str, Endpoint]) -> None:
        self.app = app
        self._routes = {name: _FastRoute(route, get_type_hints(route)["body"]) for name, route in routes.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        *beginning, model, name = scope["path"].split("/") if scope["type"] == "http" else ("", "")
        way = self._routes.get(name)
        if (
            way
            and beginning == MODELS_PREFIX
            and scope["method"] == "POST"
            and strip_parameters(get_header(scope, b"content-type")) == JSON
        ):
            request = Request(scope, receive, send)
            try:
                content = await _read_body(receive)
                response = await _call_endpoint(request, content, model, way)
            except HANDLED_ERRORS as error:
                response = await handle_error(request, error)
            if response is not None:
                await response(scope, receive, send)
                return
            receive = _replay(content, receive)
        await self.app(scope, receive, send)


async def _read_body(receive: Receive) -> bytes:
    """The whole body. Raises ClientDisconnect."""
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _call_endpoint(request: Request, content: bytes, model: str, way: _FastRoute) -> Response | None:
    """The answer, or None to a body that is not valid."""
    try:
        body = way.body_type.model_validate_json(content)
    except ValidationError:
        return None
    return await way.endpoint(model_request(request, model), body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Receives a body that has been read, and then what comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again
