"""Completions in OpenAI's shape beside `generate`, and the time in which a long prompt is scored.

Takes the folder of checkpoints. Both routes are asked in turn for the same text; the ratio of the medians is printed.
Then a prompt of token ids is scored with `echo`, without and with the most probable token in each place.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.service.latency import SENTENCE, Client, service, serving


def ask(client: Client, path: str, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Return how many seconds an answer took, and the answer."""
    content, began = json.dumps(body).encode(), time.perf_counter()
    answer = client.ask("POST", path, content)
    return time.perf_counter() - began, json.loads(answer)


def compare(client: Client, model: str, tokens: int, rounds: int) -> None:
    """Ask both routes in turn, and print their medians in milliseconds and the ratio."""
    body = {"prompt": "it was a dark and", "max_tokens": tokens, "temperature": 0}
    questions = [(f"/v1/models/{model}/generate", body), ("/v1/completions", {**body, "model": model})]
    seconds: list[list[float]] = [[], []]
    for i in range(rounds):
        for which in (0, 1) if i % 2 else (1, 0):
            seconds[which].append(ask(client, *questions[which])[0])
    ours, theirs = (1e3 * statistics.median(column) for column in seconds)
    print(f"{model}, {tokens} tokens: generate {ours:.2f} ms, completions {theirs:.2f} ms, ratio {theirs / ours:.2f}")


def score(client: Client, model: str, count: int) -> None:
    """Score a prompt of `count` tokens, and print the seconds."""
    text = f"{SENTENCE} " * (count // 10)
    ids = ask(client, "/tokenize", {"model": model, "prompt": text})[1]["tokens"][:count]
    for k in (0, 1):
        body = {"model": model, "prompt": [ids], "echo": True, "logprobs": k, "max_tokens": 1, "temperature": 0}
        seconds, answer = ask(client, "/v1/completions", body)
        entries = len(answer["choices"][0]["logprobs"]["tokens"])
        print(f"{model}, {entries} log-probabilities of a prompt, {k} alternatives: {seconds:.2f} s", flush=True)


@click.command(help=__doc__)
@click.argument("checkpoints", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", "models", multiple=True, default=("gutenberg-kn", "gutenberg-lstm"), help="A model to ask.")
@click.option("--rounds", default=300, help="Requests to each route.")
@click.option("--prompt-tokens", default=100_000, help="Tokens of the long prompt.")
def main(checkpoints: Path, models: tuple[str, ...], rounds: int, prompt_tokens: int) -> None:
    """Print a line for each measurement."""
    with tempfile.TemporaryDirectory() as data, serving(service, checkpoints, Path(data)) as client:
        while not client.ready():
            time.sleep(0.1)
        for model in models:
            for tokens in (1, 20):
                compare(client, model, tokens, rounds)
            score(client, model, prompt_tokens)


if __name__ == "__main__":
    main()
