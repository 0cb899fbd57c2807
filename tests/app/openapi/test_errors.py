"""Errors of the documentation can be provoked; `error_check` holds those provoked to the list."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.core.exceptions import DatabaseUnavailable, Overloaded
from app.http.declared_errors import declared_errors
from app.middleware.body_limit import BodyLimitMiddleware
from app.middleware.in_flight import InFlightRequests
from app.storage.database import Database
from tests.helpers.serving import Server
from tools.examples.requests import JSON, Example, JsonObject, examples_of

PROVED_ELSEWHERE = {
    "internal_error": "test_error_responses",
    "model_failed": "test_error_responses",
    "timed_out": "test_admission",
    "invalid_text": "the tests of each route, and of tokenizers of others",
    "file_too_large": "test_files",
    "disk_full": "test_full_disk",
    "range_not_satisfiable": "checkpoints/test_files",
    "conflict": "test_files and test_aliases",
    "body_stalled": "test_arriving_bodies",
    "file_in_use": "test_files",
    "model_in_use": "test_aliases",
    "too_expensive": "test_jobs",
    "idempotency_key_reused": "test_jobs",
    "invalid_api_key": "test_access",
    "insufficient_scope": "test_access",
    "rate_limit_exceeded": "test_access",
    "quota_exceeded": "test_quotas",
    "unknown_host": "test_browsers",
    "cross_origin": "test_browsers",
    "store_unavailable": "replication/test_shared_files",
}
"""Code -> the tests that provoke it, each on a route where it can arise."""
MODEL_JOB = {"kind": "evaluate", "model": "gutenberg-kn", "validation_file": "file-sample"}
"""Request of a job that names a model which is there."""
NOWHERE = "no-such-thing"
Provoke = Callable[[httpx.Client, Example], httpx.Response]


def send(client: httpx.Client, example: Example, **changes: Any) -> httpx.Response:
    """Send an example request with some of it changed."""
    example = dataclasses.replace(example, **changes)
    headers = {"content-type": example.media_type} if example.media_type else {}
    body = {"json": example.body} if example.media_type == JSON and not isinstance(example.body, bytes) else {}
    if example.media_type and not body:
        body = {"content": example.body} if isinstance(example.body, bytes | str) else {"files": example.body}
        headers = headers if "content" in body else {}
    return client.request(example.method, example.url, params=example.query, headers=headers, **body)


def without_model(client: httpx.Client, example: Example) -> httpx.Response:
    """Ask for a model that is not there, wherever the request names one."""
    if example.operation in ("create_job", "estimate_job"):
        return send(client, example, body={**MODEL_JOB, "model": NOWHERE})
    if example.operation == "set_alias":
        return send(client, example, body={"model": f"{NOWHERE}@1"})
    missing = f"{NOWHERE}@1" if example.method == "delete" else NOWHERE
    places = dict.fromkeys(example.places, missing)
    query = {name: NOWHERE if name == "model" else value for name, value in example.query.items()}
    body = example.body
    if isinstance(body, dict) and "model" in body and not places:
        body = {**body, "model": NOWHERE}
    return send(client, example, places=places, query=query, body=body)


def with_another_model(client: httpx.Client, example: Example) -> httpx.Response:
    """Ask models of other kinds until one cannot do it."""
    if example.operation in ("create_job", "estimate_job"):
        return send(client, example, body={**MODEL_JOB, "kind": "calibrate", "model": "sentiment"})
    for model in ("sentiment", "gutenberg-kn", "gutenberg-fill"):
        places = {**example.places, "model": model} if "model" in example.places else example.places
        body = example.body
        if isinstance(body, dict) and "model" in body and not places:
            body = {**body, "model": model}
        query = {"format": "onnx"} if example.operation == "export_model" else example.query
        answer = send(client, example, places=places, body=body, query=query)
        if answer.status_code == 400:
            return answer
    return answer


def with_a_taken_name(client: httpx.Client, example: Example) -> httpx.Response:
    """Give a model the name of an alias, or an alias that of a model."""
    if example.operation == "set_alias":
        return send(client, example, places={"alias": "gutenberg-kn"})
    client.put("/v1/aliases/taken", json={"model": "gutenberg-kn@1"}).raise_for_status()
    answer = send(client, example, body={**example.body, "name": "taken"})
    client.delete("/v1/aliases/taken").raise_for_status()
    return answer


PROVOCATIONS: dict[str, Provoke] = {
    "invalid_input": lambda client, example: client.request(
        example.method, example.url, headers={"x-request-timeout-ms": "0"}
    ),
    "invalid_json": lambda client, example: send(client, example, media_type=JSON, body=b"{"),
    "unsupported_media_type": lambda client, example: send(client, example, media_type="image/png", body=b"{}"),
    "model_not_found": without_model,
    "not_found": lambda client, example: send(
        client, example, places={**example.places, list(example.places)[-1]: NOWHERE}
    ),
    "unsupported_by_model": with_another_model,
    "overloaded": send,
    "stopping": send,
    "body_too_large": send,
    "database_unavailable": send,
    "model_loading": without_model,
    "model_unusable": without_model,
    "counts_not_kept": lambda client, example: send(client, example, places={"model": "gutenberg-kn"}),
    "name_taken": with_a_taken_name,
}
"""Code -> a request to a route that lists it."""


def refuse(*_: Any, **__: Any) -> Any:
    raise Overloaded("too much is under way")


@contextmanager
def no_database(*_: Any, **__: Any) -> Iterator[None]:
    raise DatabaseUnavailable("the database is not available")
    yield


def arrange(code: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring the service into the state in which every route that lists the code answers with it."""
    registry = server.app.state.registry
    if code == "overloaded":
        monkeypatch.setattr(InFlightRequests, "_check", refuse)
    elif code == "stopping":
        monkeypatch.setattr(server.app.state.in_flight, "stopping", True)
    elif code == "body_too_large":
        monkeypatch.setattr(BodyLimitMiddleware, "_kind", lambda *_: (1, False, True))
    elif code == "database_unavailable":
        aliases = server.app.state.stores.aliases
        with aliases._snapshot_lock:  # a refresh that has begun must end before, or it reads them once more
            monkeypatch.setattr(Database, "read", no_database)
            monkeypatch.setattr(Database, "write", no_database)
            monkeypatch.setattr(aliases, "is_read", False)
    elif code in ("model_loading", "model_unusable"):
        found = {"loading": (f"{NOWHERE}@1",)} if code == "model_loading" else {"problems": {f"{NOWHERE}@1": "broken"}}
        monkeypatch.setattr(registry, "_publish", lambda *_: None)
        monkeypatch.setattr(registry, "snapshot", dataclasses.replace(registry.snapshot, **found))


def codes(operation: JsonObject) -> set[str]:
    """Return the codes that an operation lists."""
    contents = [answer.get("content", {}).get(JSON, {}) for answer in operation["responses"].values()]
    return {code for content in contents for code, example in content.get("examples", {}).items() if is_error(example)}


def is_error(example: JsonObject) -> bool:
    return isinstance(example["value"], dict) and example["value"].keys() == {"error"}


def declares(endpoint: Callable[..., Any], error: type[Exception]) -> bool:
    return error in declared_errors(endpoint)


def operations(document: JsonObject) -> Iterator[JsonObject]:
    for methods in document["paths"].values():
        yield from methods.values()


def test_errors_are_all_proved(document: JsonObject) -> None:
    listed = set().union(*map(codes, operations(document)))
    assert listed <= PROVOCATIONS.keys() | PROVED_ELSEWHERE.keys()
    assert PROVOCATIONS.keys() <= listed


@pytest.mark.parametrize("code", PROVOCATIONS)
def test_error_is_answered_by_every_route_that_lists_it(
    code: str, document: JsonObject, shipped: Server, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = {operation["operationId"] for operation in operations(document) if code in codes(operation)}
    if code == "database_unavailable":  # others list it for the sake of keys, which this service has none of
        routes = iter_route_contexts(shipped.app.routes)
        listing = {route.name for route in routes if route.endpoint and declares(route.endpoint, DatabaseUnavailable)}
    first = {example.operation: example for example in reversed(examples_of(document))}
    assert listing
    arrange(code, shipped, monkeypatch)
    wrong = {}
    for name in sorted(listing):
        answer = PROVOCATIONS[code](client, first[name])
        if f'"code":"{code}"' not in answer.text:
            wrong[name] = (answer.status_code, answer.text[:200])
    assert wrong == {}
