"""Requests leave no reference cycles of ours: memory is free at once, and garbage collection has nothing to do."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

REQUESTS = 20
TEXT = "the cat sat"
MODELS = "/v1/models/{}/{}"
BODIES: list[tuple[str, dict[str, Any]]] = [
    (MODELS.format("words", "next"), {"context": TEXT}),
    (MODELS.format("words", "next"), {"context": [TEXT, TEXT], "explain": True}),
    (MODELS.format("lstm", "next"), {"context": TEXT}),
    (MODELS.format("words", "probability"), {"text": TEXT, "tokens": True}),
    (MODELS.format("lstm", "probability"), {"text": TEXT}),
    (MODELS.format("words", "rescore"), {"hypotheses": [TEXT, TEXT]}),
    (MODELS.format("words", "generate"), {"prompt": TEXT, "max_tokens": 4}),
    (MODELS.format("lstm", "generate"), {"prompt": TEXT, "max_tokens": 4, "n": 2}),
    (MODELS.format("lstm", "generate"), {"prompt": TEXT, "max_tokens": 4, "stream": True}),
    (MODELS.format("words", "analyze"), {"text": TEXT}),
    (MODELS.format("words", "complete"), {"context": TEXT}),
    (MODELS.format("lstm", "complete"), {"context": TEXT, "words": 2, "bias": {"dog": 1}, "recent": TEXT}),
    (MODELS.format("words", "perplexity"), {"text": TEXT}),
    ("/v1/completions", {"model": "lstm", "prompt": TEXT, "max_tokens": 4, "logprobs": 2, "echo": True}),
    ("/v1/completions", {"model": "words", "prompt": TEXT, "max_tokens": 4, "stream": True}),
    ("/tokenize", {"model": "words", "prompt": TEXT}),
]


@pytest.mark.parametrize(("path", "body"), BODIES, ids=[f"{path} {'-'.join(body)}" for path, body in BODIES])
def test_requests_leave_no_cycles(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    def ask() -> None:
        answer = client.post(path, json=body)
        assert answer.status_code == 200, answer.text

    ask()
    left = _garbage(ask)
    assert not {name: count for name, count in left.items() if count >= REQUESTS}


def _garbage(act: Callable[[], None]) -> Counter[str]:
    """Return how many objects of this package REQUESTS calls of `act` leave to the garbage collector, by name."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(REQUESTS):
            act()
        gc.collect()
        found = Counter(map(_name, gc.garbage))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    return Counter({name: count for name, count in found.items() if name.startswith(("app.", "models."))})


def _name(thing: object) -> str:
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"
