"""Error responses of an operation, from what its route, its dependencies and the middleware declare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from app.core.exceptions import BodyStalled
from app.http.declared_errors import declared_errors, middleware_errors
from app.http.error_responses import CODES_BY_STATUS, STATUS_BY_EXCEPTION
from app.http.request_body import JSON
from models.errors import InvalidInput

JsonObject = dict[str, Any]
ERROR_SCHEMA = "#/components/schemas/ErrorAnswer"
TOO_LARGE = {413: "The body is larger than the settings allow."}
"""Status -> meaning of the error that every route with a body can answer with; its code is HTTP's."""
JSON_ERRORS = {400: "The body is not JSON.", 415: "The body is of another media type than those listed."}
"""Status -> meaning of the errors of routes that take JSON."""
MEANINGS: dict[type[Exception], str] = {
    Exception: "The server failed on this request; its log has the details.",
    InvalidInput: "A field is not acceptable; `param` names it, and the message says what is.",
}
"""Exception -> its meaning for a client, where that is not the first line of its docstring."""
RETRY_HEADERS = {
    "retry-after": {"description": "Seconds after which to try again.", "schema": {"type": "integer", "minimum": 0}}
}
"""Headers of the answers 429 and 503."""
RETRY_STATUSES = (429, 503)


class DocumentedError(NamedTuple):
    """An error as the document tells it."""

    status: int
    type: str
    code: str
    meaning: str


def operation_errors(
    endpoint: Callable[..., Any],
    middleware: Sequence[Callable[..., Any]],
    path: str,
    *,
    has_parameters: bool,
    body_types: Collection[str],
) -> list[DocumentedError]:
    """Return the errors that requests to a route can be answered with, by status and code.

    body_types: the media types of bodies that it takes, none where it takes no body.
    """
    kinds = {Exception} | declared_errors(endpoint)
    kinds = kinds.union(*(middleware_errors(layer, path) for layer in middleware))
    if body_types:
        kinds.add(BodyStalled)
    if has_parameters or body_types:
        kinds.add(InvalidInput)
    return sorted({*map(_of_exception, kinds), *_of_body(body_types)})


def error_responses(errors: Iterable[DocumentedError]) -> dict[str, JsonObject]:
    """Return the OpenAPI responses for errors, one a status."""
    by_status = defaultdict(list)
    for error in errors:
        by_status[error.status].append(error)
    return {str(status): _response(status, listed) for status, listed in sorted(by_status.items())}


def _of_exception(kind: type[Exception]) -> DocumentedError:
    status, type_, code = next(STATUS_BY_EXCEPTION[base] for base in kind.__mro__ if base in STATUS_BY_EXCEPTION)
    return DocumentedError(status, type_, code, MEANINGS.get(kind) or (kind.__doc__ or "").partition("\n")[0])


def _of_body(body_types: Collection[str]) -> Iterator[DocumentedError]:
    for status, meaning in ((TOO_LARGE if body_types else {}) | (JSON_ERRORS if JSON in body_types else {})).items():
        yield DocumentedError(status, *CODES_BY_STATUS[status], meaning)


def _response(status: int, errors: Sequence[DocumentedError]) -> JsonObject:
    examples = {error.code: {"summary": error.meaning, "value": _example(error)} for error in errors}
    response: JsonObject = {
        "description": "\n".join(f"- `{error.code}`: {error.meaning}" for error in errors),
        "content": {"application/json": {"schema": {"$ref": ERROR_SCHEMA}, "examples": examples}},
    }
    return response | ({"headers": RETRY_HEADERS} if status in RETRY_STATUSES else {})


def _example(error: DocumentedError) -> JsonObject:
    return {"error": {"message": error.meaning, "type": error.type, "param": None, "code": error.code}}
