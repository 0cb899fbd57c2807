"""Examples of the documentation: each request works, and its answer is the one that is shown."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from app.openapi.examples import load_answers
from tools.examples.requests import examples_of

VOLATILE = frozenset(
    [
        "created",
        "created_at",
        "updated_at",
        "started_at",
        "finished_at",
        "heartbeat_at",
        "seconds",
        "seconds_left",
        "memory_bytes",
        "worker",
        "step",
        "steps",
        "processor_share",
        "waiting",
        "status",
        "queue_position",
        "progress",
    ]
)
"""Fields whose values depend on time and machine; their kind is compared alone."""
CHOSEN = ("cmpl-", "file-", "job-")
"""Beginnings of ids that the service chooses."""


def differences(shown: Any, got: Any, place: str = "") -> list[str]:
    """Where an answer is of another shape than the one shown, or has other values."""
    if isinstance(shown, dict) and isinstance(got, dict) and shown.keys() == got.keys():
        return [
            line
            for name in shown
            if name not in VOLATILE
            for line in differences(shown[name], got[name], f"{place}.{name}")
        ]
    if isinstance(shown, list) and isinstance(got, list) and len(shown) == len(got):
        return [line for i in range(len(got)) for line in differences(shown[i], got[i], f"{place}.{i}")]
    if isinstance(shown, str) and shown.startswith(CHOSEN) and isinstance(got, str):
        return []
    if isinstance(shown, float) and isinstance(got, float | int):
        return [] if math.isclose(shown, got, rel_tol=1e-3, abs_tol=1e-4) else [f"{place}: {shown} is {got}"]
    return [] if shown == got else [f"{place}: {shown!r} is {got!r}"]


def test_examples_are_there_for_every_route(document: dict[str, Any]) -> None:
    operations = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    assert {example.operation for example in examples_of(document)} == operations
    assert load_answers().keys() == operations, "write the answers with python -m tools.examples"


def test_examples_are_shown_beside_their_answers(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation["responses"][min(operation["responses"])]["content"]
            assert any(kind.keys() & {"example", "examples"} for kind in content.values()), operation["operationId"]


@pytest.mark.parametrize("operation", sorted(load_answers()))
def test_example_has_the_answer_that_is_shown(operation: str, answers: dict[str, Any]) -> None:
    shown, got = load_answers()[operation], answers[operation]
    assert {kind: named.keys() for kind, named in shown.items()} == {kind: named.keys() for kind, named in got.items()}
    for kind, named in shown.items():
        if kind not in ("text/event-stream", "text/plain"):
            assert differences(*(read(answers, kind) for answers in (named, got[kind]))) == []


def read(named: dict[str, Any], kind: str) -> dict[str, Any]:
    """Answers as JSON values, read as their media type says."""
    if kind == "application/json":
        return named
    if kind == "application/x-ndjson":
        return {name: [json.loads(line) for line in text.splitlines()] for name, text in named.items()}
    return {name: [list(map(cell, line.split("\t"))) for line in text.splitlines()] for name, text in named.items()}


def cell(text: str) -> Any:
    """A cell of a table, as a number where it is one."""
    try:
        return float(text)
    except ValueError:
        return text
