"""Errors as clients see them: a table from exceptions to status, type and code, and their one shape.

`to_api_error` makes an ApiError of any exception, `record_error` notes and logs it, `add_error_handlers` has an
application answer expected errors. The exceptions themselves know nothing of HTTP.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import Scope

from app.core import exceptions
from app.core.plain_messages import explain, explain_json, in_unicode, locate, without_folders
from app.http.json_body import content_hint
from app.http.request_body import JSON, unsupported_media_type
from app.http.responses import OrjsonResponse
from models.errors import (
    CheckpointError,
    CheckpointNotFound,
    CountsNotKept,
    InvalidInput,
    InvalidText,
    NextwordError,
    UnsupportedByModel,
)

logger = logging.getLogger(__name__)


class SlowReader(ClientDisconnect):
    """The client does not read its answer; like one that hung up, it cannot be told anything."""


STATUS_BY_EXCEPTION: dict[type[Exception], tuple[int, str, str]] = {
    RequestValidationError: (400, "invalid_request_error", "invalid_input"),
    InvalidInput: (400, "invalid_request_error", "invalid_input"),
    InvalidText: (400, "invalid_request_error", "invalid_text"),
    UnsupportedByModel: (400, "invalid_request_error", "unsupported_by_model"),
    CountsNotKept: (409, "conflict_error", "counts_not_kept"),
    CheckpointNotFound: (404, "not_found_error", "model_not_found"),
    CheckpointError: (503, "unavailable_error", "model_unusable"),
    exceptions.RequestAbandoned: (499, "abandoned_error", "client_gone"),
    ClientDisconnect: (499, "abandoned_error", "client_gone"),
    exceptions.ModelFailed: (500, "server_error", "model_failed"),
    exceptions.RequestTimeout: (504, "timeout_error", "timed_out"),
    exceptions.BodyStalled: (408, "timeout_error", "body_stalled"),
    SlowReader: (408, "timeout_error", "slow_reader"),
    exceptions.ModelLoading: (503, "unavailable_error", "model_loading"),
    exceptions.UnknownHost: (421, "invalid_request_error", "unknown_host"),
    exceptions.CrossOriginRequest: (403, "permission_error", "cross_origin"),
    exceptions.BadApiKey: (401, "authentication_error", "invalid_api_key"),
    exceptions.ScopeMissing: (403, "permission_error", "insufficient_scope"),
    exceptions.NotFound: (404, "not_found_error", "not_found"),
    exceptions.Conflict: (409, "conflict_error", "conflict"),
    exceptions.IdempotencyKeyReused: (409, "conflict_error", "idempotency_key_reused"),
    exceptions.FileInUse: (409, "conflict_error", "file_in_use"),
    exceptions.ModelInUse: (409, "conflict_error", "model_in_use"),
    exceptions.NameTaken: (409, "conflict_error", "name_taken"),
    exceptions.TooExpensive: (400, "invalid_request_error", "too_expensive"),
    exceptions.FileTooLarge: (413, "invalid_request_error", "file_too_large"),
    exceptions.RangeNotSatisfiable: (416, "invalid_request_error", "range_not_satisfiable"),
    exceptions.DiskFull: (507, "unavailable_error", "disk_full"),
    exceptions.DatabaseUnavailable: (503, "unavailable_error", "database_unavailable"),
    exceptions.StoreUnavailable: (503, "unavailable_error", "store_unavailable"),
    exceptions.Overloaded: (429, "overloaded_error", "overloaded"),
    exceptions.LimitReached: (429, "rate_limit_error", "rate_limit_exceeded"),
    exceptions.QuotaReached: (429, "rate_limit_error", "quota_exceeded"),
    exceptions.ServerStopping: (503, "unavailable_error", "stopping"),
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
STORE_MESSAGE = "the object store of this service does not answer as it should; try again later"
"""Message of StoreUnavailable: its own, which names the store's address, is for the log."""


NO_OBJECT = frozenset(["missing", "model_type", "model_attributes_type", "dict_type"])
"""Kinds of pydantic's errors where something else came than an object of named fields."""


@dataclass(frozen=True)
class ApiError:
    """Status, headers and content of an error's answer."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Return the body of the answer."""
        param = None if self.param is None else in_unicode(self.param)
        return {"error": {"message": in_unicode(self.message), "type": self.type, "param": param, "code": self.code}}

    def response(self) -> OrjsonResponse:
        """Return the answer."""
        return OrjsonResponse(self.content(), self.status, self.headers)


def to_api_error(error: Exception) -> ApiError:
    """Describe `error` for the client; of an unexpected one, say only that it happened."""
    if isinstance(error, HTTPException):
        return _from_http_exception(error)
    status, kind, code = next(STATUS_BY_EXCEPTION[base] for base in type(error).__mro__ if base in STATUS_BY_EXCEPTION)
    if isinstance(error, RequestValidationError):
        return ApiError(status, kind, *_from_validation_errors(code, error.errors(), error.body))
    if status == 500 and not isinstance(error, exceptions.ModelFailed):
        return ApiError(status, kind, code, "the server failed on this request; its log has the details")
    param = error.field if isinstance(error, InvalidInput) else None
    message = STORE_MESSAGE if isinstance(error, exceptions.StoreUnavailable) else str(error)
    return ApiError(status, kind, code, message, param, {**_retry_headers(error, status), **_special_headers(error)})


def _special_headers(error: Exception) -> Mapping[str, str]:
    """Return the headers of single errors.

    They say what kind of key is wanted (RFC 6750), how long a file is, and that a quota does not come back by waiting.
    """
    if isinstance(error, exceptions.BadApiKey):
        return {"www-authenticate": 'Bearer realm="nextword"'}
    if isinstance(error, exceptions.ScopeMissing):
        return {"www-authenticate": f'Bearer realm="nextword", error="insufficient_scope", scope="{error.scope}"'}
    if isinstance(error, exceptions.RangeNotSatisfiable):
        return {"content-range": f"bytes */{error.size}"}
    return {"x-should-retry": "false"} if isinstance(error, exceptions.QuotaReached) else {}


def _retry_headers(error: Exception, status: int) -> Mapping[str, str]:
    """Say when to try again: in seconds, as HTTP has it, and in milliseconds, as OpenAI has it.

    OpenAI's clients repeat a request after 409, which helps nobody as long as things stand as they do.
    """
    if status == 408:
        return {"connection": "close"}  # what was to come of the request may still come
    if status == 409:
        return {"x-should-retry": "false"}
    if isinstance(error, exceptions.Unavailable):
        seconds = error.retry_after
        return {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(math.ceil(1e3 * seconds))}
    away = exceptions.DatabaseUnavailable, exceptions.StoreUnavailable
    return {"retry-after": str(error.retry_after)} if isinstance(error, away) else {}


def _from_http_exception(error: HTTPException) -> ApiError:
    fallback = ("invalid_request_error", HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"))
    kind, code = CODES_BY_STATUS.get(error.status_code, fallback)
    return ApiError(error.status_code, kind, code, str(error.detail), headers=error.headers or {})


def _from_validation_errors(code: str, errors: Sequence[Any], body: Any) -> tuple[str, str, str | None]:
    """Return code, message and param; the message tells of every field, the param names the first."""
    first = errors[0]
    if first["type"] == "json_invalid":
        reason = f"{explain_json(_json_fault(first, body))}{content_hint(first.get('input'))}"
        return "invalid_json", f"the body is not JSON: {reason}", None
    kind = body.get("kind") if isinstance(body, dict) else None
    problems = dict.fromkeys((_param_name(error, kind), _validation_message(error)) for error in errors)
    message = "; ".join(f"{param}: {text}" if param else text for param, text in problems)
    return code, message, next(iter(problems))[0]


def _json_fault(error: Any, body: Any) -> str:
    """Return what a parser says of a body that is not JSON, with the place where the parser gave up."""
    reason = str(error["ctx"]["error"])
    if not isinstance(body, str) or not isinstance(error["loc"][-1], int):
        return reason
    lines = body[: error["loc"][-1]].split("\n")
    return f"{reason} at line {len(lines)} column {len(lines[-1]) + 1}"


def _param_name(error: Any, kind: Any) -> str | None:
    """Return the field's dotted name, without the kind that pydantic puts before it in a tagged union."""
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return str(error["ctx"]["discriminator"]).strip("'")
    field = error["loc"][1:]
    if len(field) > 1 and field[0] == kind:
        field = field[1:]
    return locate(field) or None


def _validation_message(error: Any) -> str:
    is_body = len(error["loc"]) == 1
    return "this route takes a JSON object as its body" if is_body and error["type"] in NO_OBJECT else explain(error)


def record_error(scope: Scope, error: Exception) -> None:
    """Note the outcome of a request, and log the cause of a failure that the client is not told."""
    api_error = to_api_error(error)
    scope.setdefault("state", {})["outcome"] = api_error.code
    if isinstance(error, exceptions.StoreUnavailable):
        logger.warning("%s %s: %s", scope["method"], scope["path"], error)
    if api_error.status == 500:
        cause = error.__cause__ if isinstance(error, exceptions.ModelFailed) and error.__cause__ else error
        request_id = scope.get("state", {}).get("request_id")
        logger.error("request %s failed: %s %s", request_id, scope["method"], scope["path"], exc_info=cause)


HANDLED_ERRORS = HTTPException, RequestValidationError, NextwordError
"""Expected errors, which one handler answers; any other is the server's own failure."""


def add_error_handlers(app: FastAPI) -> None:
    """Have `app` answer every expected error in the one shape."""
    for kind in HANDLED_ERRORS:
        app.add_exception_handler(kind, handle_error)


async def handle_error(request: Request, error: Exception) -> OrjsonResponse:
    """Answer a request that led to `error`; log the error where the client is told nothing of it."""
    if isinstance(error, HTTPException) and isinstance(error.__cause__, NextwordError):
        error = error.__cause__  # whatever reading a body leads to, the framework takes it for one that it cannot parse
    record_error(request.scope, error)
    api_error = to_api_error(_with_helpful_message(request, error))
    settings = request.app.state.settings
    message = without_folders(api_error.message, (settings.checkpoints, settings.data))
    return replace(api_error, message=message).response()


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes of a request's path; the framework names the first one's alone.

    A path that routes have as it stands is theirs, whatever patterns match it: `/v1/jobs/estimate` is no job.
    """
    path, methods, exact = request.scope["path"], set[str](), set[str]()
    for route in iter_route_contexts(request.app.routes):
        if route.path and route.methods and compile_path(route.path)[0].match(path):
            methods |= route.methods
            exact |= route.methods if route.path == path else set()
    return sorted(exact or methods)


def _with_helpful_message(request: Request, error: Exception) -> Exception:
    """Replace the framework's own error by one that says what would be accepted."""
    if isinstance(error, RequestValidationError) and isinstance(error.body, bytes):
        # The framework parses JSON only; of a body of another kind it finds no fields.
        return unsupported_media_type(request.headers, JSON)
    endpoint = f"{request.method} {request.url.path}; /docs lists what there is"
    cause = explain_json(str(error.__cause__)) if error.__cause__ else "it is not in UTF-8"
    messages = {
        400: f"the body is not JSON: {cause}",  # the framework answers 400 for nothing else
        404: f"no such route: {endpoint}",
        405: f"this route does not take the method: {endpoint}",
    }
    if isinstance(error, HTTPException) and error.status_code in messages:
        headers = {"allow": ", ".join(_allowed_methods(request))} if error.status_code == 405 else error.headers
        return HTTPException(error.status_code, messages[error.status_code], headers)
    return error
