"""Questions of the load: examples of the OpenAPI document, with the answers of a quiet service.

`Questions.ask` asks one and compares the answer value by value, so that numbers must be equal.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable
from typing import Any

import httpx

from benchmarks.service._chaos.caller import Caller
from tools.examples.requests import EVENTS, JSON, Example, examples_of

OF_FILES = ("upload", "list_files", "delete_file")
OF_ALIASES = ("set_alias", "list_aliases", "describe_alias", "delete_alias")
OF_JOBS = ("create_job", "estimate_job", "list_jobs", "describe_job", "list_events", "list_metrics", "cancel_job")
OF_SERVICE = ("list_models", "delete_model", "live", "ready", "metrics")
STATEFUL = frozenset([*OF_FILES, *OF_ALIASES, *OF_JOBS, *OF_SERVICE])
"""Operations that change something or tell what changes: other parts of the load call them."""
CHOSEN = frozenset(["id", "created"])
"""Fields of completions that the service chooses for each answer."""

PAUSE_SECONDS = 0.02
"""Between two questions of a client, so that faults and not want of processors disturb the service."""


class Questions:
    """Questions and their answers."""

    def __init__(self, caller: Caller, document: dict[str, Any]) -> None:
        """Ask all questions of a service that nobody disturbs."""
        examples = [example for example in examples_of(document) if example.operation not in STATEFUL]
        self._answers = [(example, content_of(_send(caller, example))) for example in examples]

    @property
    def operations(self) -> set[str]:
        """Operations that are asked."""
        return {example.operation for example, _ in self._answers}

    def ask(self, caller: Caller) -> None:
        """Ask one and compare."""
        example, expected = random.choice(self._answers)
        since = time.monotonic()
        answer = _send(caller, example)
        if answer is not None:
            compare(caller, f"{example.operation} ({example.name})", expected, answer, since)
        time.sleep(PAUSE_SECONDS)


def compare(caller: Caller, name: str, expected: Any, answer: httpx.Response, since: float) -> None:
    """Compare an answer with the recorded one; a stream may end with a declared error instead."""
    content = content_of(answer)
    if isinstance(content, dict) and "stream_error" in content:
        caller.note_stream_error(content["stream_error"], since)
        return
    same = content == expected
    caller.ledger.check("every answer is right", same, f"{name}: {content!r}\nis not {expected!r}")


def _send(caller: Caller, example: Example) -> Any:
    headers = {"accept": example.accept} if example.accept else {}
    body: dict[str, Any] = {}
    if example.media_type:
        headers["content-type"] = example.media_type
        body = {"content": json.dumps(example.body) if example.media_type == JSON else example.body}
    return caller.call(example.method.upper(), example.url, params=example.query, headers=headers, **body)


def content_of(answer: httpx.Response) -> Any:
    """Return what an answer says, without the fields that are chosen anew each time."""
    media_type = answer.headers["content-type"].partition(";")[0]
    if media_type == JSON:
        return _without_chosen(answer.json())
    if media_type == EVENTS:
        return _whole_texts(line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data"))
    return answer.text


def _without_chosen(content: Any) -> Any:
    if isinstance(content, dict) and str(content.get("id", "")).startswith("cmpl-"):
        return {name: value for name, value in content.items() if name not in CHOSEN}
    return content


def _whole_texts(events: Iterable[str]) -> dict[str, Any]:
    """Return the texts of a stream, whose pieces depend on how fast it is read, each joined."""
    choices: dict[int, dict[str, Any]] = {}
    rest: dict[str, Any] = {}
    for event in events:
        if event == "[DONE]":
            rest["done"] = True
            continue
        content = _without_chosen(json.loads(event))
        if "error" in content:
            return {"stream_error": content["error"]}
        for choice in content.pop("choices", []):
            _join(choices.setdefault(choice["index"], {}), choice)
        rest |= content
    return rest | {"choices": choices}


def _join(joined: dict[str, Any], piece: dict[str, Any]) -> None:
    """Add a piece of a text: its text and lists grow, other values are replaced."""
    for name, value in piece.items():
        if isinstance(value, dict):
            _join(joined.setdefault(name, {}), value)
        elif isinstance(value, list) or name == "text":
            joined[name] = joined[name] + value if name in joined else value
        elif value is not None:
            joined[name] = value
