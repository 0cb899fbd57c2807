"""DocumentedApp: a FastAPI application whose document tells of each route what it really answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from app.http.access_rules import SECURITY_SCHEMES, security_requirement
from app.openapi.errors import error_responses, operation_errors
from app.openapi.examples import add_answer_examples, add_request_example, load_answers
from app.openapi.limits import apply_limits
from app.openapi.parameters import shared_parameters, without_null
from app.openapi.schemas import add_schemas

JsonObject = dict[str, Any]
GENERATED_RESPONSES = ("422", "default")
"""Responses that FastAPI adds to operations, and no route gives."""
GENERATED_SCHEMAS = ("HTTPValidationError", "ValidationError")


class Operation(NamedTuple):
    """A method of a path, its route, and what the document says of it."""

    path: str
    method: str
    route: RouteContext
    content: JsonObject


class DocumentedApp(FastAPI):
    """A FastAPI application whose OpenAPI document is completed once all routes are there.

    `state.settings` must be set before.
    """

    _completed: JsonObject | None = None

    def openapi(self) -> JsonObject:
        """Return the document, which is generated at the first call."""
        document = super().openapi()
        if self._completed is not document:
            self._completed = document
            apply_limits(document, self.state.settings)
            answers, schemas = load_answers(), document["components"]["schemas"]
            add_schemas(schemas)
            for operation in self._operations(document):
                self._complete(operation)
                add_request_example(operation.content, schemas)
                add_answer_examples(operation.content, answers.get(operation.content["operationId"], {}))
            document["components"]["securitySchemes"] = SECURITY_SCHEMES
            for name in GENERATED_SCHEMAS:
                document["components"]["schemas"].pop(name, None)
        return document

    def _operations(self, document: JsonObject) -> Iterator[Operation]:
        for route in iter_route_contexts(self.routes):
            if isinstance(route.original_route, APIRoute) and route.original_route.include_in_schema:
                path = route.path_format or ""
                for method in route.methods or ():
                    yield Operation(path, method, route, document["paths"][path][method.lower()])

    def _complete(self, operation: Operation) -> None:
        content = operation.content
        shared = shared_parameters(operation.path, self.state.settings)
        content["parameters"] = [*map(without_null, content.get("parameters", [])), *shared]
        content["security"] = security_requirement(operation.method, operation.path, self.state.settings)
        responses = content["responses"]
        for status in GENERATED_RESPONSES:
            responses.pop(status, None)
        for status, response in error_responses(self._errors(operation)).items():
            responses.setdefault(status, response)

    def _errors(self, operation: Operation) -> Any:
        assert operation.route.endpoint is not None, "it is a route of an endpoint"
        return operation_errors(
            operation.route.endpoint,
            [layer.cls for layer in self.user_middleware],
            operation.path,
            has_parameters=bool(operation.content.get("parameters")),
            body_types=operation.content.get("requestBody", {}).get("content", {}),
        )
