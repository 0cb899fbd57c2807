"""N-gram routes: requests a second beside empty FastAPI routes of the same bodies and answers.

Starts the service on the folder of checkpoints, and beside it an application whose routes parse the same bodies and
return the same bytes (`_empty`), both on uvicorn without an access log. Asks them in turn and prints medians of rates,
the servers' processor time a request, and ratios; then, as items a second, lists of contexts and texts in turn with
single ones.
"""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import repeat
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any
from urllib.request import Request, urlopen

import click

from benchmarks.service._load import Load, load
from benchmarks.service._servers import cpu_seconds, nextword, running
from benchmarks.service.latency import SENTENCE, sentences

QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "next, top 10": ("next", {"context": "it was the best of"}),
    "probability, a sentence": ("probability", {"text": SENTENCE}),
}


def measured(server: Popen[bytes], path: str, body: dict[str, Any], clients: int, seconds: float) -> Load:
    """Return a load on one server, and its processor time meanwhile."""
    content, before = json.dumps(body).encode(), cpu_seconds(server)
    measurement = load(server.port, path, repeat(content), clients, seconds)  # type: ignore[attr-defined]
    measurement.cpu_seconds = cpu_seconds(server) - before
    return measurement


def compare(servers: list[Popen[bytes]], model: str, rounds: int, seconds: float) -> None:
    """Print rates of the empty routes and ours."""
    print(f"{'requests a second':<26}{'clients':>8}{'empty':>9}{'ours':>9}{'ratio':>7}{'CPU us':>9}{'':>9}{'ratio':>7}")
    for what, (route, body) in QUESTIONS.items():
        for clients in (1, 16):
            path = f"/v1/models/{model}/{route}"
            loads = [[measured(s, path, body, clients, seconds) for s in servers] for _ in range(rounds)]
            empty, ours = (median(single.rate(1) for single in side) for side in zip(*loads, strict=True))
            costs = (
                median(1e6 * single.cpu_seconds / len(single.latencies) for single in side)
                for side in zip(*loads, strict=True)
            )
            cost, our_cost = costs
            print(
                f"{what:<26}{clients:>8}{empty:>9.0f}{ours:>9.0f}{ours / empty:>7.2f}"
                f"{cost:>9.0f}{our_cost:>9.0f}{cost / our_cost:>7.2f}",
                flush=True,
            )


def lists(server: Popen[bytes], model: str, rounds: int, seconds: float) -> None:
    """Print items a second of 16 clients with lists, and beside them of as many with one item a request."""
    print(f"{'items a second':<26}{'in a list':>10}{'rate':>9}{'single':>9}{'ratio':>7}")
    for route, single in QUESTIONS.values():
        ((field, text),) = single.items()
        path, words = f"/v1/models/{model}/{route}", len(text.split())
        for count in (100, 1000):
            many = {field: sentences(count, words, words)}
            loads = [
                (measured(server, path, many, 16, seconds), measured(server, path, single, 16, seconds))
                for _ in range(rounds)
            ]
            rate, alone = median(many.rate(count) for many, _ in loads), median(single.rate(1) for _, single in loads)
            ratio = median(many.rate(count) / single.rate(1) for many, single in loads)
            print(f"{route:<26}{count:>10}{rate:>9.0f}{alone:>9.0f}{ratio:>7.1f}", flush=True)


def answers(port: int, model: str) -> dict[str, Any]:
    """Return the answers of the service by route."""
    by_route = {}
    for route, body in QUESTIONS.values():
        url = f"http://127.0.0.1:{port}/v1/models/{model}/{route}"
        request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        with urlopen(request) as answer:
            by_route[route] = json.load(answer)
    return by_route


@click.command()
@click.argument("checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="gutenberg-kn", help="An n-gram model in there.")
@click.option("--seconds", default=2.0, help="How long to ask at a time.")
@click.option("--rounds", default=5, help="How often, in turn.")
def main(checkpoints: Path, model: str, seconds: float, rounds: int) -> None:
    """Compare the n-gram routes of MODEL in CHECKPOINTS with empty ones."""
    with nextword(checkpoints, log_level="warning") as ours, tempfile.TemporaryDirectory() as folder:
        same = Path(folder, "answers.json")
        same.write_text(json.dumps(answers(ours.port, model)))  # type: ignore[attr-defined]
        with running([sys.executable, "-m", "benchmarks.service._empty", str(same)], "/openapi.json") as empty:
            compare([empty, ours], model, rounds, seconds)
        lists(ours, model, rounds, seconds)


if __name__ == "__main__":
    main()
