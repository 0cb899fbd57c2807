"""Classification beside LitServe: sentences a second of the same bidirectional LSTM.

Starts a LitServe server and ours in turn, on the same random weights, and drives both with the same clients, each
asking for the label of the next sentence, one a request, as soon as it has the one before. Ours computes in int8,
LitServe in torch's float32. The defaults are those that serve LitServe best on two cores: it has a process that
computes and one that answers, and a second thread of torch only takes time from the latter. LitServe, which is no
dependency, comes with `pip install '.[bench]'`.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import click
import numpy as np

from app.core.container_limits import cpu_quota
from benchmarks.service._beside_litserve import Side, measure_beside_litserve
from benchmarks.service._load import Load
from benchmarks.service._servers import nextword, running
from models.checkpoint.card import Provenance
from models.checkpoint.save import save
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder, encoder_shapes
from models.tasks.classification.config import ClassifierConfig
from models.tasks.classification.model import RecurrentClassifier, classifier_head_shapes
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

NAME = "random"
LABELS = ("negative", "positive")
SENTENCES = 1000
"""Different sentences, asked for in turn."""
READY_ANSWERS = 30
"""Answers in a row that say that a server with several processes is ready."""
TARGETS = {16: 5.0}
"""So many times as many sentences a second as LitServe, by clients."""


def publish(root: Path, embedding: int = 100, hidden: int = 100, vocabulary: int = 15_000) -> Path:
    """Return a checkpoint of random weights, of a size that classifies film reviews."""
    tokenizer = Tokenizer.train(TokenizerConfig(), [" ".join(f"w{i}" for i in range(vocabulary - 2)) + "\n"])
    config, head = EncoderConfig("lstm", embedding_size=embedding, hidden_size=hidden), ClassifierConfig()
    shapes = encoder_shapes(config, vocabulary), classifier_head_shapes(head, len(LABELS), config.vector_size)
    numbers = np.random.default_rng(1)
    encoder, arrays = ({n: numbers.normal(0, 0.1, s).astype(np.float32) for n, s in part.items()} for part in shapes)
    model = RecurrentClassifier(head, LABELS, RecurrentEncoder(config, encoder, vocabulary), arrays)
    return save(root, NAME, model, tokenizer, Provenance("python -m benchmarks.service.classify", "none")).path


def bodies() -> Iterator[bytes]:
    """Requests with sentences of 5 to 35 words, as in film reviews, forever."""
    numbers = random.Random(1)
    lengths = [numbers.randint(5, 35) for _ in range(SENTENCES)]
    sentences = [" ".join(f"w{numbers.randrange(14_000)}" for _ in range(length)) for length in lengths]
    return cycle([json.dumps({"text": sentence}).encode() for sentence in sentences])


def probability(answer: bytes) -> float:
    """Return the probability of the first label in an answer of either server."""
    fields: dict[str, Any] = json.loads(answer)
    if "results" in fields:
        (result,) = fields["results"]
        return next(float(p["probability"]) for p in result["probabilities"] if p["label"] == LABELS[0])
    return float(fields["probabilities"][LABELS[0]])


@contextmanager
def all_ready(server: AbstractContextManager[Any]) -> Iterator[Any]:
    """Enter a server's context once all its processes have loaded the model, whichever takes a connection."""
    with server as process:
        address, answers = f"http://127.0.0.1:{process.port}/health/ready", 0
        while answers < READY_ANSWERS:
            try:
                with urlopen(address):
                    answers += 1
            except HTTPError:
                answers = 0
                time.sleep(0.1)
        yield process


def show(name: str, side: Load, than: Load | None = None) -> str:
    """Return a line of one server's figures."""
    cpu = 1e6 * side.cpu_seconds / len(side.latencies)
    line = f"{side.clients:4} clients  {name:9}{side.rate(1):8,.0f} sentences/s   p50 {1e3 * side.p50:7.2f} ms"
    line += f"   p99 {1e3 * side.p99:7.2f} ms   {cpu:6.0f} us of one core a sentence"
    if than is None:
        return line
    target = TARGETS.get(side.clients)
    return f"{line}   {side.rate(1) / than.rate(1):.1f} times" + (f" (target {target:g})" if target else "")


def spread(sides: list[dict[int, Load]]) -> list[float]:
    """Return the mean probability of the first label that each server gave, which must be much the same."""
    return [
        float(np.mean([probability(answer) for load in side.values() for answer in load.answers])) for side in sides
    ]


@click.command()
@click.option("--clients", default="1,16,64", show_default=True, help="How many at the same time; several counts.")
@click.option("--seconds", default=10.0, show_default=True, help="For each number of clients.")
@click.option("--workers", default=cpu_quota, help="Processes of ours, with one thread each. [default: the CPU quota]")
@click.option("--threads", default=1, show_default=True, help="Of torch behind LitServe, which has two processes.")
@click.option("--batch", default=16, show_default=True, help="Most texts of a batch of LitServe.")
@click.option("--batch-timeout", default=0.005, show_default=True, help="Seconds that LitServe waits for a batch.")
@click.option("--only", type=click.Choice(["litserve", "nextword"]), help="Measure one of them.")
def main(clients: str, seconds: float, workers: int, only: str | None, **litserve: float) -> None:
    """Print a line for each server and number of clients."""
    options = [str(litserve[name]) for name in ("threads", "batch", "batch_timeout")]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = publish(Path(folder, "checkpoints"))
        command = [sys.executable, "-m", "benchmarks.service._litserve_classifier", str(checkpoint), *options]
        server = nextword(Path(folder, "checkpoints"), workers=workers, threads=1, log_level="warning")
        theirs, ours = measure_beside_litserve(
            Side(running(command, "/health"), "/predict", bodies()),
            Side(all_ready(server), f"/v1/models/{NAME}/classify", bodies()),
            [int(count) for count in clients.split(",")],
            seconds,
            only,
            show,
        )
    means = " and ".join(f"{mean:.4f}" for mean in spread([side for side in (theirs, ours) if side]))
    click.echo(f"mean probability of {LABELS[0]!r}: {means}")


if __name__ == "__main__":
    main()
