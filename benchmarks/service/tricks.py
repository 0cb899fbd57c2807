"""Tricks of the serving process: figures of the same loads with all of them, and without each.

A trick is a few lines of source. A copy of the program has other lines in their place, and is served beside the program
itself; short loads of both take turns, so that what slows one slows the other. With `--beside` another checkout is
compared instead, as a whole. What a trick gains is the median of the ratios of turns; on a busy machine compare those
alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import Popen

import click

import app
from benchmarks.service._measures import MEASURES, Figures, publish_models
from benchmarks.service._servers import nextword

CODE = Path(app.__file__).parents[1]
GENERATE = tuple(name for name in MEASURES if name.startswith("generate"))
STREAMS = tuple(name for name in MEASURES if name.startswith("streams"))
BESIDE = tuple(name for name in MEASURES if "beside" in name)
CLASSIFY = tuple(name for name in MEASURES if name.startswith("classify"))
NEXT = tuple(name for name in MEASURES if name.startswith("next,") and name.endswith("clients"))


@dataclass(frozen=True)
class Trick:
    """Lines of a file that are a trick, and what they replace."""

    file: str
    lines: str
    plain: str
    loads: tuple[str, ...]
    """Names of the loads that may show what it gains."""


TUNING, SERVER = "app/core/process_tuning.py", "app/server/server.py"
PROTOCOL, ENGINE = "app/server/guarded_protocol.py", "app/engine/engine.py"
TRICKS: Mapping[str, Trick] = {
    "rare collections": Trick(
        TUNING, "GC_THRESHOLD = 20_000", "GC_THRESHOLD = 700", (*NEXT, *STREAMS, "next, 400 contexts")
    ),
    "imports not collected": Trick(TUNING, "        gc.freeze()\n", "", (*NEXT, *STREAMS)),
    "short spinning": Trick(
        TUNING,
        'os.environ.setdefault("GOMP_SPINCOUNT", str(GOMP_SPINCOUNT))',
        "pass",
        (*GENERATE, *STREAMS, *BESIDE),
    ),
    "n-grams inline": Trick(ENGINE, "INLINE_TOKENS = 2500", "INLINE_TOKENS = -1", NEXT),
    "sentences inline": Trick(
        ENGINE, "sizer = self._chunk_sizer(model) if model.is_thread_safe else None", "sizer = None", CLASSIFY
    ),
    "head with its body": Trick(
        PROTOCOL,
        '        cycle.transport = cast("asyncio.Transport", AnswerTransport(self.transport, self.loop))\n',
        "",
        NEXT,
    ),
    "many accepts a turn": Trick(SERVER, "ACCEPTS_PER_TURN = 32", "ACCEPTS_PER_TURN = 1", ("overload",)),
    "no waiting in overload": Trick("app/engine/capacity.py", "return 0 if overloaded else", "return", ("overload",)),
    "refusal without parsing": Trick(
        "app/server/known_heads.py",
        "if data and not (self._is_between and self._refuse_known(data)):",
        "if data:",
        ("overload",),
    ),
    "early rejection": Trick(SERVER, "if not state.settings.early_reject:", "if True:", ("overload",)),
    "uvicorn subclassed": Trick(
        SERVER,
        "missing = early_reject.missing_internals()",
        'missing = ["left out"]',
        (*NEXT, *GENERATE[2:], "overload"),
    ),
}


@contextmanager
def without(trick: Trick) -> Iterator[Path]:
    """Copy the program without a trick. Raises ClickException where its lines are not in a file just once."""
    with tempfile.TemporaryDirectory() as folder:
        for package in ("app", "models"):
            shutil.copytree(CODE / package, Path(folder, package))
        file = Path(folder, trick.file)
        source = file.read_text(encoding="utf-8")
        if source.count(trick.lines) != 1:
            raise click.ClickException(f"{trick.file} has not the lines {trick.lines!r} once")
        file.write_text(source.replace(trick.lines, trick.plain), encoding="utf-8")
        yield Path(folder)


def compare(servers: list[Popen[bytes]], load: str, rounds: int, seconds: float) -> list[list[Figures]]:
    """Return the figures of a load on each server, round after round; the first to be asked takes turns."""
    measured: list[list[Figures]] = [[], []]
    for number in range(rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            measured[side].append(MEASURES[load](servers[side], seconds))
    return measured


def print_load(trick: str, load: str, sides: list[list[Figures]]) -> None:
    """Print medians of each figure with and without a trick, and the median and range of ratios."""
    for name in sides[0][0]:
        ours, theirs = ([figures[name] for figures in side] for side in sides)
        ratios = sorted(there / here for here, there in zip(ours, theirs, strict=True))
        told = (
            f"{median(ours):9.2f} {median(theirs):9.2f}   x {median(ratios):.3f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
        click.echo(f"{trick:23} {load:20} {name:23} {told}")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(TRICKS)))
@click.option("--checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--beside", type=click.Path(exists=True, path_type=Path), help="Compare this checkout instead.")
@click.option("--loads", type=click.Choice(list(MEASURES)), multiple=True, help="[default: those of the trick]")
@click.option("--rounds", default=7, show_default=True, help="Turns of each load on each server.")
@click.option("--seconds", default=1.5, show_default=True, help="Length of a turn.")
@click.option("--threads", default=None, help="Of each server. [default: the CPU quota]")
def main(
    names: tuple[str, ...],
    checkpoints: Path,
    beside: Path | None,
    loads: tuple[str, ...],
    rounds: int,
    seconds: float,
    threads: int | None,
) -> None:
    """Print figures of the program with all tricks and without each, and their ratios.

    An n-gram model and a classifier come from a folder of checkpoints; an LSTM of random weights is made.
    """
    settings = {"log_level": "warning", **({} if threads is None else {"threads": threads})}
    with tempfile.TemporaryDirectory() as folder:
        models = publish_models(Path(folder), checkpoints)
        for name in ["checkout"] if beside else names or list(TRICKS):
            with ExitStack() as stack:
                code = beside or stack.enter_context(without(TRICKS[name]))
                servers = [stack.enter_context(nextword(models, each, **settings)) for each in (CODE, code)]
                for load in loads or (tuple(MEASURES) if beside else TRICKS[name].loads):
                    for server in servers:
                        MEASURES[load](server, seconds / 2)
                    print_load(name, load, compare(servers, load, rounds, seconds))


if __name__ == "__main__":
    main()
