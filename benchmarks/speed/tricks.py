"""Small tricks of compiled loops and of the process: processor time of the same work with and without each.

A trick is a few lines of source. Child processes import its module with these lines, or with what they replace, and
time the same work; they take turns, so that what slows one slows the other. Everything is timed in processor time,
which other programs on the machine change little, and on one thread, but for pauses between steps on two.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from pathlib import Path
from statistics import median
from types import ModuleType

import click

from benchmarks.speed._timing import seconds

TEXT = Path("app/storage/files/emma.txt")
STEPS = 64
"""Decode steps of one call."""
Work = Callable[[], object]


@dataclass(frozen=True)
class Trick:
    """Lines of a module that are a trick, and what they replace."""

    module: str
    lines: str
    plain: str
    works: tuple[str, ...]
    """Names of the works that are timed."""


class _Loader(SourceLoader):
    """Loader of one module, some lines of whose source are replaced."""

    def __init__(self, name: str, path: str, lines: str, plain: str) -> None:
        self._name, self._path, self._lines, self._plain = name, path, lines, plain

    def get_filename(self, _fullname: str) -> str:
        return self._path

    def get_data(self, path: str | bytes) -> bytes:
        source = Path(os.fsdecode(path)).read_text(encoding="utf-8")
        if source.count(self._lines) != 1:
            raise click.ClickException(f"{self._name} has not the lines {self._lines!r} once")
        return source.replace(self._lines, self._plain).encode()


class Finder(MetaPathFinder):
    """Finder of the one module that is imported without its trick."""

    def __init__(self, trick: Trick) -> None:
        self._trick = trick

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the module's spec with another source; None for other modules."""
        if name != self._trick.module:
            return None
        found = PathFinder.find_spec(name, path, target)
        assert found is not None
        assert found.origin is not None
        return spec_from_loader(name, _Loader(name, found.origin, self._trick.lines, self._trick.plain))


def scoring() -> Work:
    """Return the scoring of a text by a modified Kneser-Ney model of it, of order 5."""
    import numpy as np

    from models.ngram.config import NgramConfig
    from models.ngram.model import NgramModel
    from models.ngram.smoothing.estimator import estimate_from_tokens
    from models.tokenization.config import TokenizerConfig
    from models.tokenization.tokenizer import Tokenizer

    tokenizer = Tokenizer.train(TokenizerConfig(), [TEXT.read_text(encoding="utf-8")])
    ids = tokenizer.encode(TEXT.read_text(encoding="utf-8")).ids
    train, test = ids[: len(ids) * 3 // 4], ids[len(ids) // 2 :]
    config = NgramConfig(order=5)
    model = NgramModel(config, estimate_from_tokens(config, train, tokenizer.vocabulary_size))
    rows = np.tile(test, 50)[None]
    return lambda: model.score(model.begin_state(1), rows)


def decoding(rows: int, threads: int = 1, pause: float = 0) -> Work:
    """Return decode steps in int8 of an LSTM of two layers of 512 and 10,000 tokens, with seconds of pause between.

    With pauses, idle threads may spin: so the event loop of a server computes between two steps.
    """
    from app.core.process_tuning import limit_openmp_spinning

    limit_openmp_spinning()
    import numpy as np
    import torch

    from models.neural.config import RecurrentConfig
    from models.neural.int8.model import Int8Model
    from models.neural.network import Network
    from models.neural.training.initialization import initialize
    from models.threads import set_thread_count

    set_thread_count(threads)
    config, vocabulary = RecurrentConfig("lstm", layers=2, embedding_size=512, hidden_size=512), 10_000
    network = Network(config, vocabulary)
    initialize(network, "uniform", 0.1, np.ones(vocabulary), torch.Generator().manual_seed(1))
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    model = Int8Model(config, weights, vocabulary)
    state, token = model.begin_state(rows), np.full((rows, 1), 2)

    def steps() -> None:
        for _ in range(STEPS):
            model.logprobs(model.advance(state, token))
            if pause:
                time.sleep(pause)

    return steps


def answering() -> Work:
    """Return the making of answers of 400 rows, ten tokens each, beside a loaded model's objects."""
    from app.core.process_tuning import tune_server

    rows = [[{"token": "the", "id": i, "oov": False} for i in range(20)] for _ in range(20_000)]
    gc.freeze()
    tune_server()

    def answer() -> None:
        for _ in range(20):
            json.dumps(
                [{"next": [dict(token, probability=0.1, logprob=-2.3) for token in row[:10]]} for row in rows[:400]]
            )

    return answer


WORKS: Mapping[str, Callable[[], Work]] = {
    "scoring": scoring,
    "decoding 1 row": lambda: decoding(1),
    "decoding 16 rows": lambda: decoding(16),
    "pauses": lambda: decoding(16, threads=2, pause=0.001),
    "answering": answering,
}
DOT = "models.neural.int8.dot_product"
BEST = "instructions = best_instruction_set(features)"
DECODING = ("decoding 1 row", "decoding 16 rows")
TRICKS: Mapping[str, Trick] = {
    "inlined parts": Trick("models.kernels.jit", ", forceinline=True", "", ("scoring",)),
    "no branch": Trick(
        "models.ngram.query",
        "        positions[size] = t  # overwritten unless `size` grows",
        "        if places[n - 1, t] >= 0 and (places[n - 1, t + 1] >= 0 or not suffix_closed):\n"
        "            positions[size] = t  #",
        ("scoring",),
    ),
    "tiles of rows": Trick(
        DOT,
        BEST,
        f"from dataclasses import replace; {BEST}; instructions = replace(instructions, tile_rows=1)",
        DECODING,
    ),
    "prefetch": Trick(DOT, "        for line in lines:\n", "        for line in lines[:0]:\n", DECODING),
    "short spinning": Trick(
        "app.core.process_tuning", 'os.environ.setdefault("GOMP_SPINCOUNT", str(GOMP_SPINCOUNT))', "pass", ("pauses",)
    ),
    "rare collections": Trick("app.core.process_tuning", "GC_THRESHOLD = 20_000", "GC_THRESHOLD = 700", ("answering",)),
}


def time_work(name: str, calls: int) -> float:
    """Return the median processor seconds of one call of a work, after one that warms up."""
    return seconds(WORKS[name](), calls, time.process_time)


def run_child(plain: str | None, works: Sequence[str], calls: int, cache: Path) -> dict[str, float]:
    """Return what a child process measured of each work, without the trick `plain`."""
    key = plain if plain and TRICKS[plain].module.startswith("models.") else "all"  # of what is compiled
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache / key)}
    options = ["--calls", str(calls), *(f"--work={work}" for work in works), *([f"--without={plain}"] if plain else [])]
    command = [sys.executable, "-m", __spec__.name, *options]
    finished = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    times: dict[str, float] = json.loads(finished.stdout)
    return times


def print_trick(name: str, work: str, with_all: list[float], without: list[float]) -> None:
    """Print milliseconds with and without a trick, and the ratios of the turns."""
    ratios = sorted(b / a for a, b in zip(with_all, without, strict=True))
    figures = f"{1e3 * median(with_all):9.2f} ms, without {1e3 * median(without):9.2f}"
    click.echo(f"{name:20} {work:17} {figures}: x {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(TRICKS)))
@click.option("--turns", default=5, show_default=True, help="Child processes with all tricks, and without each.")
@click.option("--calls", default=9, show_default=True, help="Calls of each work that a child times; the median counts.")
@click.option("--work", "works", multiple=True, hidden=True)
@click.option("--without", hidden=True)
def main(names: tuple[str, ...], turns: int, calls: int, works: tuple[str, ...], without: str | None) -> None:
    """Print milliseconds of works with and without each trick, medians of children, and their ratios."""
    if works:
        if without is not None:
            sys.meta_path.insert(0, Finder(TRICKS[without]))
        click.echo(json.dumps({work: time_work(work, calls) for work in works}))
        return
    chosen = names or tuple(TRICKS)
    every_work = list(dict.fromkeys(work for name in chosen for work in TRICKS[name].works))
    times: dict[tuple[str | None, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(turns):
            for name in (None, *chosen):
                measured = run_child(name, TRICKS[name].works if name else every_work, calls, Path(folder))
                for work, figure in measured.items():
                    times.setdefault((name, work), []).append(figure)
    for name in chosen:
        for work in TRICKS[name].works:
            print_trick(name, work, times[None, work], times[name, work])


if __name__ == "__main__":
    main()
