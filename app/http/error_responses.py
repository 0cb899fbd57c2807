"""What a client is told when something goes wrong: one table from exceptions to status and code, one shape.

It knows exceptions and HTTP. It does not know where they are raised; the exceptions that only a service has
(too busy, stopping, still loading) are defined here because both the registry and the engine raise them.

    NextwordError
    ├── Abandoned               the client hung up; nobody reads the answer
    ├── ModelFailed             an exception in a step, or a number that is none
    ├── TimedOut                it took longer than it may
    └── Unavailable             not now; `retry_after` says when to try again
        ├── Overloaded          the queue is full
        ├── Stopping            the server is going down
        └── ModelLoading        the model is there and still being loaded
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from app.core.exceptions import (
    Conflict,
    DatabaseUnavailable,
    DiskFull,
    FileInUse,
    FileTooLarge,
    IdempotencyKeyReused,
    ModelFailed,
    ModelInUse,
    ModelLoading,
    NameTaken,
    NotFound,
    Overloaded,
    RequestAbandoned,
    RequestTimeout,
    ServerStopping,
    TooExpensive,
    Unavailable,
)
from app.http.request_body import JSON, unsupported_media_type
from app.http.responses import OrjsonResponse
from models.errors import CheckpointError, CheckpointNotFound, InvalidInput, InvalidText, NextwordError

logger = logging.getLogger(__name__)


class SlowReader(ClientDisconnect):
    """The client does not read its answer: as good as gone, since it cannot be told anything either."""


STATUS_BY_EXCEPTION: dict[type[Exception], tuple[int, str, str]] = {
    RequestValidationError: (400, "invalid_request_error", "invalid_input"),
    InvalidInput: (400, "invalid_request_error", "invalid_input"),
    InvalidText: (400, "invalid_request_error", "invalid_text"),
    CheckpointNotFound: (404, "not_found_error", "model_not_found"),
    CheckpointError: (503, "unavailable_error", "model_unusable"),
    RequestAbandoned: (499, "abandoned_error", "client_gone"),
    ClientDisconnect: (499, "abandoned_error", "client_gone"),
    ModelFailed: (500, "server_error", "model_failed"),
    RequestTimeout: (504, "timeout_error", "timed_out"),
    SlowReader: (408, "timeout_error", "slow_reader"),
    ModelLoading: (503, "unavailable_error", "model_loading"),
    NotFound: (404, "not_found_error", "not_found"),
    Conflict: (409, "conflict_error", "conflict"),
    IdempotencyKeyReused: (409, "conflict_error", "idempotency_key_reused"),
    FileInUse: (409, "conflict_error", "file_in_use"),
    ModelInUse: (409, "conflict_error", "model_in_use"),
    NameTaken: (409, "conflict_error", "name_taken"),
    TooExpensive: (400, "invalid_request_error", "too_expensive"),
    FileTooLarge: (413, "invalid_request_error", "file_too_large"),
    DiskFull: (507, "unavailable_error", "disk_full"),
    DatabaseUnavailable: (503, "unavailable_error", "database_unavailable"),
    Overloaded: (429, "overloaded_error", "overloaded"),
    ServerStopping: (503, "unavailable_error", "stopping"),
    Exception: (500, "server_error", "internal_error"),
}
"""Exception -> status, type and code; an exception that is not listed counts as its nearest listed base."""

CODES_BY_STATUS = {
    400: ("invalid_request_error", "invalid_json"),
    404: ("not_found_error", "route_not_found"),
    405: ("invalid_request_error", "method_not_allowed"),
    413: ("invalid_request_error", "body_too_large"),
    415: ("invalid_request_error", "unsupported_media_type"),
}
"""Status -> type and code, for errors of HTTP itself."""


@dataclass(frozen=True)
class ApiError:
    """An error as the client sees it."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response(self) -> OrjsonResponse:
        """The answer."""
        return OrjsonResponse(self.content(), self.status, self.headers)


def to_api_error(error: Exception) -> ApiError:
    """What a client is told about `error`; of an unexpected one, nothing but that it happened."""
    if isinstance(error, HTTPException):
        return _from_http_exception(error)
    status, kind, code = next(STATUS_BY_EXCEPTION[base] for base in type(error).__mro__ if base in STATUS_BY_EXCEPTION)
    if isinstance(error, RequestValidationError):
        return ApiError(status, kind, *_from_validation_errors(code, error.errors(), error.body))
    if status == 500 and not isinstance(error, ModelFailed):
        return ApiError(status, kind, code, "the server failed on this request; its log has the details")
    param = error.field if isinstance(error, InvalidInput) else None
    headers = error.headers if isinstance(error, Unavailable) else _headers(error)
    return ApiError(status, kind, code, str(error), param, headers)


def _headers(error: Exception) -> Mapping[str, str]:
    return {"retry-after": str(error.retry_after)} if isinstance(error, DatabaseUnavailable) else {}


def _from_http_exception(error: HTTPException) -> ApiError:
    fallback = ("invalid_request_error", HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"))
    kind, code = CODES_BY_STATUS.get(error.status_code, fallback)
    return ApiError(error.status_code, kind, code, str(error.detail), headers=error.headers or {})


def _from_validation_errors(code: str, errors: Sequence[Any], body: Any) -> tuple[str, str, str | None]:
    """Code, message and param; the message tells of every field, the param names the first."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return "invalid_json", f"the body is not JSON: {first['ctx']['error']}", None
    kind = body.get("kind") if isinstance(body, dict) else None
    told = [(_param_name(error, kind), _validation_message(error)) for error in errors]
    message = "; ".join(f"{param}: {text}" if param else text for param, text in told)
    return code, message, told[0][0]


def _param_name(error: Any, kind: Any) -> str | None:
    """The field; of a body that is one of several kinds, pydantic names the kind before it."""
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return str(error["ctx"]["discriminator"]).strip("'")
    field = error["loc"][1:]
    if len(field) > 1 and field[0] == kind:
        field = field[1:]
    return ".".join(map(str, field)) or None


def _validation_message(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "no such field"
    if error["type"] == "missing" and len(error["loc"]) == 1:
        return "this route takes a JSON object as its body"
    return str(error["msg"])


def record_error(scope: Scope, error: Exception) -> None:
    """Note what became of a request; log what its client is not told, the cause of a failure of the server's own."""
    told = to_api_error(error)
    scope.setdefault("state", {})["outcome"] = told.code
    if told.status == 500:
        cause = error.__cause__ if isinstance(error, ModelFailed) and error.__cause__ else error
        request_id = scope.get("state", {}).get("request_id")
        logger.error("request %s failed: %s %s", request_id, scope["method"], scope["path"], exc_info=cause)


HANDLED_ERRORS = HTTPException, RequestValidationError, NextwordError
"""Errors that are answered in one place; any other is the server's own failure."""


def add_error_handlers(app: FastAPI) -> None:
    """Let `app` answer every expected error in the one shape."""
    for kind in HANDLED_ERRORS:
        app.add_exception_handler(kind, handle_error)


async def handle_error(request: Request, error: Exception) -> OrjsonResponse:
    """The answer to a request that led to `error`, which is logged where the client is told nothing of it."""
    record_error(request.scope, error)
    return to_api_error(_with_helpful_message(request, error)).response()


def _with_helpful_message(request: Request, error: Exception) -> Exception:
    """An error that the framework found, told so that it helps."""
    if isinstance(error, RequestValidationError) and isinstance(error.body, bytes):
        return unsupported_media_type(
            request.headers, JSON
        )  # the framework parses nothing else, and finds no fields then
    asked = f"{request.method} {request.url.path}; /docs lists what there is"
    words = {
        400: "the body is not JSON in UTF-8",  # all that the framework itself finds bad
        404: f"no such route: {asked}",
        405: f"this route does not take the method: {asked}",
    }
    if isinstance(error, HTTPException) and error.status_code in words:
        return HTTPException(error.status_code, words[error.status_code], error.headers)
    return error
