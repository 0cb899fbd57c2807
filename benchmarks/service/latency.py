"""Latency of each route for one client, beside an empty FastAPI route on the same machine.

Takes the folder of checkpoints; starts the service on it as `nextword serve` would, asks every model on every route
through one kept connection, and prints the median and the 99th percentile in milliseconds. Uploads are timed as
megabytes a second, streams as the time to the first token and between tokens.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

SENTENCE = "it was the best of times , and the old man went down to the sea again ."
WORDS = SENTENCE.split()


def sentences(count: int, least: int = 8, most: int = 16) -> list[str]:
    """Always the same ones, of so many words."""
    numbers = random.Random(1)
    return [" ".join(numbers.choices(WORDS, k=numbers.randint(least, most))) for _ in range(count)]


ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "next, top 10": ("next", {"context": "it was the best of"}),
    "next, whole distribution": ("next", {"context": "it was the best of", "top_k": 0}),
    "next, 32 contexts": ("next", {"context": sentences(32)}),
    "probability, a sentence": ("probability", {"text": SENTENCE}),
    "probability, 32 sentences": ("probability", {"text": sentences(32)}),
    "rescore, 10 hypotheses": ("rescore", {"hypotheses": [{"text": text, "score": -1.0} for text in sentences(10)]}),
    "perplexity, 20 lines": ("perplexity", {"text": "\n".join(sentences(20)), "unit": "document"}),
    "generate, 32 tokens": ("generate", {"prompt": "it was", "max_tokens": 32, "seed": 1, "ignore_end": True}),
}


class Body(BaseModel):
    """Body of a `next` request, as the empty route parses it."""

    context: str
    top_k: int = 10


def empty() -> FastAPI:
    """Return a route that parses a body and returns an answer of the size that `next` has."""
    app = FastAPI()
    token = {"token": "the", "id": 4, "logprob": -2.3025851249694824, "probability": 0.10000000149011612}

    @app.post("/")
    async def route(body: Body) -> dict[str, Any]:
        return {"model": "gutenberg-kn@1", "context": body.context, "next": [token] * body.top_k, "mass": 0.5}

    return app


def service(checkpoints: Path, data: Path) -> FastAPI:
    """Return the service, built in the process that serves it."""
    from app.core.settings import Settings
    from app.main import create_app

    return create_app(Settings(checkpoints=checkpoints, data=data))


def serve(listener: socket.socket, build: Callable[..., FastAPI], arguments: tuple[Any, ...]) -> None:
    """Serve until the process is ended."""
    config = uvicorn.Config(build(*arguments), log_level="warning", access_log=False)
    uvicorn.Server(config).run([listener])


@contextmanager
def serving(build: Callable[..., FastAPI], *arguments: Any) -> Iterator[Client]:
    """A connection to an application in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = get_context("spawn").Process(target=serve, args=(listener, build, arguments), daemon=True)
        process.start()
        client = Client(listener.getsockname()[1])
    try:
        yield client
    finally:
        process.terminate()
        process.join()


class Client:
    """Client with a kept connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, method: str, path: str, content: bytes = b"", kind: str = "application/json") -> bytes:
        """Return the body of the answer."""
        self._connection.request(method, path, content, {"content-type": kind})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(f"{method} {path}: {answer.status} {body.decode()[:300]}")
        return body

    def ready(self) -> bool:
        """Whether every model is loaded."""
        self._connection.request("GET", "/health/ready")
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 200

    def gaps(self, path: str, body: dict[str, Any]) -> list[float]:
        """Seconds from asking to the first event of a stream, and then between events."""
        began = time.perf_counter()
        self._connection.request(
            "POST", path, json.dumps(body | {"stream": True}), {"content-type": "application/json"}
        )
        answer, gaps = self._connection.getresponse(), []
        while line := answer.readline():
            if line.startswith(b"data: {"):
                now = time.perf_counter()
                gaps.append(now - began)
                began = now
        return gaps


def timed(ask: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each of at least 10 calls, after one that is not counted."""
    ask()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 10 or time.perf_counter() < until:
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return times


def row(what: str, seconds: list[float], unit: str = "") -> dict[str, Any]:
    """Return a line of the table, in milliseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"what": what, "p50_ms": 1e3 * statistics.median(ordered), "p99_ms": 1e3 * p99, "note": unit}


def measure_model(client: Client, model: str, seconds: float) -> Iterator[dict[str, Any]]:
    """Return the rows of one model."""
    base = f"/v1/models/{model}"
    for what, (route, body) in ROUTES.items():
        content = json.dumps(body).encode()
        yield row(what, timed(partial(client.ask, "POST", f"{base}/{route}", content), seconds))
    streams = [client.gaps(f"{base}/generate", ROUTES["generate, 32 tokens"][1]) for _ in range(10)]
    yield row("stream, first token", [gaps[0] for gaps in streams])
    yield row("stream, between tokens", [gap for gaps in streams for gap in gaps[1:]])
    yield upload(client, base)


def upload(client: Client, base: str) -> dict[str, Any]:
    """Plain text, as much as takes about a second."""
    text = "\n".join(sentences(200)).encode() + b"\n"
    text *= max(1, int(1 / took(client, base, text)))
    seconds = min(took(client, base, text) for _ in range(3))
    return row("perplexity, plain text", [seconds], f"{len(text) / seconds / 1e6:.2f} MB/s ({len(text) / 1e6:.1f} MB)")


def took(client: Client, base: str, text: bytes) -> float:
    """Seconds to upload and score."""
    began = time.perf_counter()
    client.ask("POST", f"{base}/perplexity?unit=document", text, "text/plain")
    return time.perf_counter() - began


def show(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Print rows as they come."""
    lines = []
    for line in rows:
        print(f"  {line['what']:<28}{line['p50_ms']:>10.2f}{line['p99_ms']:>10.2f}  {line['note']}", flush=True)
        lines.append(line)
    return lines


@click.command()
@click.argument("checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--model", "models", multiple=True, help="Only these. [default: all]")
@click.option("--seconds", default=2.0, help="How long to ask each route.")
@click.option("--json", "as_json", type=click.Path(path_type=Path), help="Write the figures there as well.")
def main(checkpoints: Path, models: tuple[str, ...], seconds: float, as_json: Path | None) -> None:
    """Time every route of every model in CHECKPOINTS."""
    rows: dict[str, Any] = {}
    print(f"{'milliseconds':<30}{'p50':>10}{'p99':>10}")
    with serving(empty) as client:
        content = json.dumps({"context": "it was the best of", "top_k": 10}).encode()
        rows["empty"] = show(
            iter([row("an empty FastAPI route", timed(lambda: client.ask("POST", "/", content), seconds))])
        )
    with tempfile.TemporaryDirectory() as data, serving(service, checkpoints, Path(data)) as client:
        while not client.ready():
            time.sleep(0.1)
        listed = [model["name"] for model in json.loads(client.ask("GET", "/v1/models"))["data"] if model["newest"]]
        for model in models or listed:
            print(model)
            rows[model] = show(measure_model(client, model, seconds))
    if as_json:
        as_json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
