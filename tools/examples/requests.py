"""Example requests of the OpenAPI document, in an order in which they work: `examples_of`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

JsonObject = dict[str, Any]
JSON, TEXT, FORM, EVENTS = "application/json", "text/plain", "multipart/form-data", "text/event-stream"
FIRST = ("upload", "set_alias")
LAST = ("create_job", "list_jobs", "describe_job", "list_events", "list_metrics", "cancel_job")
"""Operations that others need, and those that need a job; deletions come after all."""


@dataclass(frozen=True)
class Example:
    """An example request of the document."""

    operation: str
    name: str
    """The key of its example, or the media type of its body or its answer."""
    method: str
    path: str
    """With a name in braces for each of `places`."""
    places: JsonObject
    query: JsonObject
    media_type: str = ""
    body: Any = None
    accept: str = ""

    @property
    def url(self) -> str:
        """The path with its names filled in."""
        return self.path.format_map(self.places)


def examples_of(document: JsonObject) -> list[Example]:
    """Return all example requests, in an order in which they work."""
    found = [
        example
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for example in _of_operation(method, path, operation)
    ]
    return sorted(found, key=_turn)


def _turn(example: Example) -> int:
    """Return in which turn an example is asked."""
    if example.operation in FIRST:
        return FIRST.index(example.operation)
    if example.operation in LAST:
        return 10 + LAST.index(example.operation)
    return 20 if example.method == "delete" else 5


def _of_operation(method: str, path: str, operation: JsonObject) -> Iterator[Example]:
    given = {p["name"]: _parameter_example(p) for p in operation.get("parameters", [])}
    kinds = {p["name"]: p["in"] for p in operation.get("parameters", [])}
    places = {name: value for name, value in given.items() if kinds[name] == "path"}
    query = {name: value for name, value in given.items() if kinds[name] == "query" and value is not None}
    plain = Example(operation["operationId"], "", method, path, places, query)
    bodies = operation.get("requestBody", {}).get("content", {})
    accepted = operation["responses"][min(operation["responses"])].get("content", {})
    for media_type, content in bodies.items():
        for name, body in _body_examples(media_type, content):
            yield replace(plain, name=name, media_type=media_type, body=body)
            if EVENTS in accepted:
                yield replace(plain, name=EVENTS, media_type=media_type, body=body | {"stream": True})
    if not bodies:
        yield replace(plain, name=JSON)
    if JSON in accepted and len(accepted) > 1 >= len(bodies) and not (bodies and EVENTS in accepted):
        body = {"media_type": JSON, "body": bodies[JSON]["example"]} if bodies else {}
        for kind in list(accepted)[1:]:
            yield replace(plain, name=kind, accept=kind, **body)


def _parameter_example(parameter: JsonObject) -> Any:
    """Return the first example of a parameter; None without one."""
    named = list(parameter.get("examples", {}).values())
    written = [example["value"] for example in named] + parameter["schema"].get("examples", [])
    return written[0] if written else parameter.get("example")


def _body_examples(media_type: str, content: JsonObject) -> Iterator[tuple[str, Any]]:
    for name, example in content.get("examples", {}).items():
        yield name, example["value"]
    if "example" in content:
        yield media_type, content["example"]
    if media_type == FORM:
        yield media_type, {"file": ("cats.txt", "the cat sat\nthe dog ran\n")}
