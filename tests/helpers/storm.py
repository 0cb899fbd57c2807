"""Random requests of every kind, some of which hang up or run out of time."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx

from tests.helpers.serving import metrics

ANSWERS = frozenset([200, 400, 429, 503, 504])
LINES = b"the cat saw a bird .\n"
RECORD = b'{"text": "the old dog slept ."}\n'


def some_request(numbers: random.Random) -> dict[str, Any]:
    """What to ask of which route, as httpx wants it."""
    route = numbers.choice(["generate", "generate", "next", "probability", "rescore", "perplexity", "text", "records"])
    several = numbers.choice([1, 3, 200])
    bodies: dict[str, Any] = {
        "generate": {"max_tokens": numbers.choice([1, 30, 2000]), "n": numbers.choice([1, 4]), "ignore_end": True}
        | {"stream": numbers.random() < 0.6, "temperature": numbers.choice([0, 1, -1]), "prompt": "a bird " * several},
        "next": {"context": ["the old dog"] * several, "top_k": 3},
        "probability": {"text": ["the cat saw a bird ."] * several},
        "rescore": {"hypotheses": [{"text": "the cat"}] * several},
        "perplexity": {"text": "the cat saw a bird .\n" * several},
    }
    contents = {"text": (LINES * 20 * several, "text/plain"), "records": (RECORD * several, "application/x-ndjson")}
    headers = {} if numbers.random() < 0.6 else {"x-request-timeout-ms": str(numbers.choice([1, 20, 300]))}
    if route not in contents:
        return {"url": route, "json": bodies[route], "headers": headers}
    content, kind = contents[route]
    return {"url": "perplexity", "content": content, "headers": headers | {"content-type": kind}}


def one(url: str, seed: int) -> tuple[int, float]:
    """Status (0: hung up first) and seconds of one random request."""
    numbers, begun = random.Random(seed), time.monotonic()
    asked = some_request(numbers)
    path = f"{url}/v1/models/{numbers.choice(['words', 'lstm', 'letters', 'gru'])}/{asked.pop('url')}"
    patience = numbers.choice([60.0, 60.0, 0.05, 0.3])
    status = 0
    with (
        suppress(httpx.TransportError),  # it hung up
        httpx.stream("POST", path, timeout=httpx.Timeout(60, read=patience), **asked) as answer,
    ):
        if numbers.random() < 0.8:  # else it hangs up once the answer begins
            answer.read()
        status = answer.status_code
    return status, time.monotonic() - begun


def storm(url: str, seeds: range, clients: int) -> list[tuple[int, float]]:
    """What became of so many requests, of so many clients at a time."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda seed: one(url, seed), seeds))


def failures(url: str) -> set[str]:
    """Outcomes, as metrics name them, that are nobody's but the service's fault."""
    return {name for name in metrics(url) if "internal_error" in name or "model_failed" in name}
