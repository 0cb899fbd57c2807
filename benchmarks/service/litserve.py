"""Generation beside LitServe: tokens a second and latencies of the same LSTM at 1, 16 and 64 clients.

Starts a LitServe server and ours in turn, on the same random weights, and drives both with the same clients, each
asking for a text as soon as it has the one before. Ours computes in int8. LitServe, which is no dependency, comes with
`pip install '.[bench]'`.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from app.core.container_limits import cpu_quota
from benchmarks.service._beside_litserve import Side, measure_beside_litserve
from benchmarks.service._load import Load
from benchmarks.service._plot import Panel, Points, picture
from benchmarks.service._servers import nextword, running
from models.checkpoint.card import Provenance
from models.checkpoint.save import save
from models.neural.config import NetworkKind, RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.initialization import initialize
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

NAME = "random"
TARGETS = {1: 10.0, 16: 9.0, 64: 6.5}
"""So many times as many tokens a second as LitServe, by clients."""
PROMPT_WORDS = 8


def publish(
    root: Path, kind: NetworkKind = "lstm", layers: int = 2, hidden: int = 650, vocabulary: int = 10_000
) -> Path:
    """Return a checkpoint of random weights; speed does not depend on what they mean."""
    words = " ".join(f"w{i}" for i in range(vocabulary - 2))
    tokenizer = Tokenizer.train(TokenizerConfig(), [words + "\n"])
    config = RecurrentConfig(kind, layers=layers, embedding_size=hidden, hidden_size=hidden)
    network = Network(config, vocabulary).requires_grad_(False)
    initialize(network, "uniform", 0.05, np.ones(vocabulary, np.int64), torch.Generator().manual_seed(1))
    model = RecurrentModel(config, network.arrays(), vocabulary)
    return save(root, NAME, model, tokenizer, Provenance("python -m benchmarks.service.litserve", "none")).path


def bodies(tokens: int, **fields: Any) -> Iterator[bytes]:
    """Requests for `tokens` tokens after different prompts of the same length, forever."""
    numbers = random.Random(1)
    while True:
        prompt = " ".join(f"w{numbers.randrange(9_000)}" for _ in range(PROMPT_WORDS))
        yield json.dumps({"prompt": prompt, "max_tokens": tokens, "temperature": 0.8, **fields}).encode()


def completed(answer: bytes) -> int:
    """Return the number of tokens that an answer reports."""
    fields = json.loads(answer)
    return int(fields.get("usage", fields)["completion_tokens"])


def show(tokens: int, name: str, side: Load, than: Load | None = None) -> str:
    assert all(completed(answer) == tokens for answer in side.answers), "a text is shorter than was asked for"
    line = f"{side.clients:4} clients  {name:9}{side.rate(tokens):8,.0f} tokens/s"
    cpu = 1e3 * side.cpu_seconds / (tokens * len(side.answers))
    line += f"   p50 {1e3 * side.p50:7.1f} ms   p99 {1e3 * side.p99:7.1f} ms   {cpu:6.2f} ms of one core a token"
    if than is None:
        return line
    ratio, target = side.rate(tokens) / than.rate(tokens), TARGETS.get(side.clients)
    return f"{line}   {ratio:.1f} times" + (f" (target {target:g})" if target else "")


def panels(servers: dict[str, dict[int, Load]], tokens: int) -> list[Panel]:
    """Tokens a second and latencies over the number of clients."""

    def curves(value: Callable[[Load], float]) -> dict[str, Points]:
        return {
            name: [(n, value(measurement)) for n, measurement in loads.items()]
            for name, loads in servers.items()
            if len(loads)
        }

    return [
        Panel("tokens a second", curves(lambda measurement: measurement.rate(tokens))),
        Panel(f"seconds for {tokens} tokens, median", curves(lambda measurement: measurement.p50)),
    ]


@click.command()
@click.option("--clients", default="1,16,64", show_default=True, help="How many at the same time; several counts.")
@click.option("--seconds", default=15.0, show_default=True, help="For each number of clients.")
@click.option("--tokens", default=32, show_default=True, help="For each request.")
@click.option("--threads", default=cpu_quota, help="Of each server. [default: the CPU quota]")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw tokens/s and latencies there, as SVG.")
@click.option("--only", type=click.Choice(["litserve", "nextword"]), help="Measure one of them.")
def main(clients: str, seconds: float, tokens: int, threads: int, plot: Path | None, only: str | None) -> None:
    """Print a line for each server and number of clients."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = publish(Path(folder, "checkpoints"))
        command = [sys.executable, "-m", "benchmarks.service._litserve_lstm", str(checkpoint), str(threads)]
        server = nextword(Path(folder, "checkpoints"), threads=threads)
        theirs, ours = measure_beside_litserve(
            Side(running(command, "/health"), "/predict", bodies(tokens)),
            Side(server, f"/v1/models/{NAME}/generate", bodies(tokens, ignore_end=True)),
            [int(count) for count in clients.split(",")],
            seconds,
            only,
            partial(show, tokens),
        )
    if plot:
        plot.write_text(picture(panels({"Nextword, int8": ours, "LitServe, float32": theirs}, tokens)))


if __name__ == "__main__":
    main()
