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

from app.http.error_responses import EXPECTED, answer
from app.http.request_body import JSON, bare, header
from app.routes.dependencies import call_of

Route: TypeAlias = Callable[..., Coroutine[Any, Any, Response]]
BEGINNING = ["", "v1", "models"]


class _Way(NamedTuple):
    """A route and the kind of its body."""

    route: Route
    kind: type[BaseModel]


class Shortcut:
    """Answers `POST /v1/models/{model}/{name}` by the route of that name, where there is one."""

    def __init__(self, app: ASGIApp, routes: Mapping[str, Route]) -> None:
        self.app = app
        self._ways = {name: _Way(route, get_type_hints(route)["body"]) for name, route in routes.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        *beginning, model, name = scope["path"].split("/") if scope["type"] == "http" else ("", "")
        way = self._ways.get(name)
        if (
            way
            and beginning == BEGINNING
            and scope["method"] == "POST"
            and bare(header(scope, b"content-type")) == JSON
        ):
            request = Request(scope, receive, send)
            try:
                content = await _body(receive)
                response = await _answer(request, content, model, way)
            except EXPECTED as error:
                response = await answer(request, error)
            if response is not None:
                await response(scope, receive, send)
                return
            receive = _again(content, receive)
        await self.app(scope, receive, send)


async def _body(receive: Receive) -> bytes:
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


async def _answer(request: Request, content: bytes, model: str, way: _Way) -> Response | None:
    """The answer, or None to a body that is not valid."""
    try:
        body = way.kind.model_validate_json(content)
    except ValidationError:
        return None
    return await way.route(call_of(request, model), body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Receives a body that has been read, and then what comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again
