"""Check that the service answers no error but those that the documentation lists for the route."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNDOCUMENTED: list[str] = []
"""Errors that servers of this process answered since the last test, and no route lists."""


UNTOLD = ("route_not_found", "client_gone")
"""Codes of answers that no route gives, and that nobody reads."""


class ErrorCheck:
    """Middleware that notes every answer with an error that its route does not list."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def checked_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status >= 400:
                note_undocumented(scope, status, message["body"])
            await send(message)

        await self.app(scope, receive, checked_send if scope["type"] == "http" else send)


def note_undocumented(scope: Scope, status: int, body: bytes) -> None:
    """Note an error that no route of the path lists, unless there is no such route."""
    code = json.loads(body)["error"]["code"] if b'"error"' in body else None
    operation = find_operation(scope["app"], scope["method"], scope["path"])
    if operation is not None and code not in {*UNTOLD, *listed_codes(operation, status)}:
        UNDOCUMENTED.append(f"{scope['method']} {scope['path']}: {status} {code}")


def listed_codes(operation: dict[str, Any], status: int) -> set[str | None]:
    """Codes of a status that an operation lists; {None} where its answers have none, as readiness has."""
    listed = operation["responses"].get(str(status), {}).get("content", {}).get("application/json", {})
    return set(listed.get("examples", [None] if listed else []))


def find_operation(app: Any, method: str, path: str) -> dict[str, Any] | None:
    """Return the operation that a request to an application leads to."""
    return find_in_document(_document(app), method, path)


def find_in_document(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """Return the operation that a request leads to, the one with the fewest parameters first."""
    for template, pattern in _patterns(tuple(document["paths"])):
        if re.fullmatch(pattern, path) and method.lower() in document["paths"][template]:
            operation: dict[str, Any] = document["paths"][template][method.lower()]
            return operation
    return None


_DOCUMENTS: list[dict[str, Any]] = []


def _document(app: Any) -> dict[str, Any]:
    """Return the document, the same for all servers of this process: theirs differ in numbers alone."""
    if not _DOCUMENTS:
        _DOCUMENTS.append(app.openapi())
    return _DOCUMENTS[0]


@cache
def _patterns(templates: tuple[str, ...]) -> list[tuple[str, str]]:
    ordered = sorted(templates, key=lambda template: template.count("{"))
    return [(template, re.sub(r"\{\w+\}", "[^/]+", template)) for template in ordered]
