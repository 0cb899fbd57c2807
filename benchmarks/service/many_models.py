"""Many models: what hundreds of small ones cost a server that is asked for few of them.

Publishes n-gram models of made-up text, each of its own words, and starts a server on five of them and on all. It tells
seconds until ready, the share of a core while nothing happens, anonymous memory, seconds of the first request to each
model and of a second one, and the list of models. With `--before` the same of another checkout.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from subprocess import Popen
from urllib.request import Request, urlopen

import click
import numpy as np

from benchmarks.service._servers import cpu_seconds, nextword
from models.checkpoint.card import Provenance
from models.checkpoint.save import save
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

FEW = 5
"""Models of the server that the one with many is compared with."""
TOKENS, WORDS = 40_000, 8_000
"""Tokens of a model's text and words to choose from: such a model has files of half a megabyte."""


def publish(root: Path, number: int) -> None:
    """Publish a model of words drawn by Zipf's law."""
    numbers = np.random.default_rng(number)
    ranks = np.exp(numbers.random(TOKENS) * np.log(WORDS)).astype(int)
    text = " ".join(f"w{number}x{rank}" + ("\n" if i % 20 == 19 else "") for i, rank in enumerate(ranks))
    config, tokenizer = NgramConfig(order=3), Tokenizer.train(TokenizerConfig(), [text])
    table = estimate_from_tokens(config, tokenizer.encode(text).ids, tokenizer.vocabulary_size)
    save(root, f"small-{number:04}", NgramModel(config, table), tokenizer, Provenance("made by a benchmark", "none"))


def anonymous_megabytes(process: Popen[bytes]) -> float:
    """Return the memory of all processes of a server that is not the content of files."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended since
            if int(stat.read_text().rpartition(")")[2].split()[3]) == process.pid:  # its session
                found = re.search(r"^Anonymous: +(\d+) kB", stat.with_name("smaps_rollup").read_text(), re.MULTILINE)
                total += int(found[1]) if found else 0
    return total / 1e3


def ask(port: int, model: str) -> float:
    """Return the seconds of a request for the next words."""
    body = json.dumps({"context": "", "top_k": 3}).encode()
    headers = {"content-type": "application/json"}
    began = time.perf_counter()
    with urlopen(Request(f"http://127.0.0.1:{port}/v1/models/{model}/next", body, headers)) as answer:
        answer.read()
    return time.perf_counter() - began


def measure(root: Path, names: list[str], seconds: float, code: Path | None) -> dict[str, float]:
    """Return the figures of a server of the models of `root`, which are `names`."""
    began = time.perf_counter()
    with nextword(root, code, log_level="warning") as server:
        figures = {"ready after, s": time.perf_counter() - began, "of processor, s": cpu_seconds(server)}
        port: int = server.port  # type: ignore[attr-defined]
        time.sleep(3.0)
        before, began = cpu_seconds(server), time.perf_counter()
        time.sleep(seconds)
        figures["idle, % of a core"] = 100 * (cpu_seconds(server) - before) / (time.perf_counter() - began)
        figures["anonymous, MB"] = anonymous_megabytes(server)
        for what in ("first request, ms", "second request, ms"):
            figures[what] = 1e3 * median(ask(port, name) for name in names)
        figures["anonymous when all were asked, MB"] = anonymous_megabytes(server)
        began = time.perf_counter()
        with urlopen(f"http://127.0.0.1:{port}/v1/models") as answer:
            figures["list of models, kB"] = len(answer.read()) / 1e3
        figures["list of models, ms"] = 1e3 * (time.perf_counter() - began)
    return figures


@click.command()
@click.option("--models", default=300, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="Seconds in which nothing happens.")
@click.option("--before", type=click.Path(exists=True, path_type=Path), help="Another checkout, measured beside this.")
def main(models: int, seconds: float, before: Path | None) -> None:
    """Print the figures of few and of many models, a column each."""
    checkouts = {"this": None, **({"before": before} if before else {})}
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder) / "many", Path(folder) / "few"
        for number in range(models):
            publish(many, number)
        names = sorted(path.name for path in many.iterdir())
        for name in names[:FEW]:
            shutil.copytree(many / name, few / name)
        size = sum(file.stat().st_size for file in many.rglob("*") if file.is_file()) / 1e6 / models
        print(f"{models} models of {size:.2f} MB each")
        for label, code in checkouts.items():
            columns = [measure(root, chosen, seconds, code) for root, chosen in ((few, names[:FEW]), (many, names))]
            print(f"{label:<36}{FEW:>10}{models:>10}")
            for name in columns[0]:
                print(f"{name:<36}{columns[0][name]:>10.2f}{columns[1][name]:>10.2f}")


if __name__ == "__main__":
    main()
