"""Counts by steps on one machine: time, processor seconds, memory and bytes of each.

A text is cut into shards of whole lines, and all steps run as processes of their own, so many at a time; nothing but
files passes between them. A machine more would be processes more. The model is compared with that of one process, byte
by byte.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.scale._processes import ProgramCost, run_program
from models.checkpoint.card import FileDigest

ORDER = 5
READING = ("--pretokenized", "--empty-lines", "drop")


@dataclass(frozen=True)
class Steps:
    """Runner of all steps in a folder, each a number of processes of which `processes` run at a time."""

    folder: Path
    processes: int
    memory: str | None

    def run(self, name: str, calls: Iterable[Sequence[str | Path]], tokens: int, budget: bool = True) -> None:
        """Run a step, and print what it cost."""
        options: list[str | Path] = (
            ["--work", self.work, "--threads", "1"] if name != "freeze" else ["--work", self.work]
        )
        if self.memory and budget:
            options += ["--memory", self.memory, "--scratch", self.folder]
        commands = [list(map(str, ("counts", *call, *options))) for call in calls]
        before, began = self.bytes(), time.perf_counter()
        with ThreadPoolExecutor(self.processes) as pool:
            costs = list(pool.map(self._run, commands))
        seconds = time.perf_counter() - began
        cpu = sum(cost.cpu_seconds for cost in costs)
        click.echo(
            f"  {name:>10}: {seconds:6.1f} s; {len(costs)} calls of {cpu / len(costs):.2f} s of processor, "
            f"{1e6 * cpu / tokens:.2f} µs a token; peak of a call {max(cost.peak for cost in costs) / 2**20:.0f} MiB; "
            f"{(self.bytes() - before) / tokens:.1f} bytes a token written"
        )

    @property
    def work(self) -> Path:
        """Folder that the steps share."""
        return self.folder / "work"

    def bytes(self) -> int:
        """Return the bytes of all files of the steps."""
        return sum(path.stat().st_size for path in self.work.rglob("*") if path.is_file())

    def _run(self, command: list[str]) -> ProgramCost:
        return run_program([sys.executable, "-m", "app.cli.main", *command], self.folder)


def cut(text: Path, folder: Path, count: int) -> list[Path]:
    """Cut a text into shards of about equal size, of whole lines."""
    shards = [folder / f"shard-{number:04}.txt" for number in range(count)]
    limit = -(-text.stat().st_size // count)
    with text.open("rb") as lines:
        for shard in shards:
            shard.write_bytes(b"".join(lines.readlines(limit)))
    return shards


def each_part(parts: int, *call: str) -> list[Sequence[str | Path]]:
    """Return the calls of a step for all parts."""
    return [(*call, "--part", f"{part}/{parts}") for part in range(1, parts + 1)]


def run_steps(steps: Steps, shards: list[Path], parts: int, tokens: int, models: Path) -> None:
    """Take all steps, estimation included, and publish the model `steps`."""
    steps.run("census", [("census", shard, *READING) for shard in shards], tokens, budget=False)
    steps.run("freeze", [("freeze", "--order", str(ORDER), "--parts", str(parts))], tokens, budget=False)
    steps.run("map", [("map", shard) for shard in shards], tokens)
    steps.run("reduce", each_part(parts, "reduce"), tokens)
    for number in map(str, range(1, ORDER + 1)):
        steps.run(f"estimate {number}", each_part(parts, "estimate", "--round", number), tokens)
    publish = ("--checkpoints", models, "--quiet")
    steps.run("pack", [("pack", "--name", "steps", "--estimated", *publish)], tokens)


def train(shards: list[Path], folder: Path, models: Path, tokens: int) -> None:
    """Make the model of all shards in one process, and print what it cost."""
    command = [sys.executable, "-m", "app.cli.main", "train", *map(str, shards), "--name", "alone", *READING]
    command += ["--order", str(ORDER), "--validation-fraction", "0", "--checkpoints", str(models), "--threads", "1"]
    cost = run_program([*command, "--quiet"], folder)
    click.echo(
        f"  {'train':>10}: {cost.seconds:6.1f} s; {cost.cpu_seconds:.2f} s of processor, "
        f"{1e6 * cost.cpu_seconds / tokens:.2f} µs a token; peak {cost.peak / 2**20:.0f} MiB"
    )


@click.command()
@click.option(
    "--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Text in place of a sampled one."
)
@click.option("--tokens", "millions", default=4.0, show_default=True, help="Millions of tokens of the sampled text.")
@click.option("--shards", "shard_count", default=8, show_default=True)
@click.option("--parts", default=4, show_default=True)
@click.option("--processes", default="1,2", show_default=True, help="How many at a time, with commas.")
@click.option("--memory", help="Budget of each call of map, reduce, estimate and pack.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Place for all files.")
def main(
    text: Path | None,
    millions: float,
    shard_count: int,
    parts: int,
    processes: str,
    memory: str | None,
    folder: Path | None,
) -> None:
    """Count a text by steps, with one process at a time and with several."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = Path(name)
        if text is None:
            text = root / "text"
            # In a process of its own: programs that are started begin with the memory of this one.
            write = [sys.executable, "-m", "benchmarks.scale.text", str(text), "--tokens", str(round(millions * 1e6))]
            run_program(write, root)
        with text.open("rb") as lines:
            tokens = sum(len(line.split()) + 1 for line in lines if line.strip())
        shards = cut(text, root, shard_count)
        click.echo(
            f"{tokens:,} tokens, {text.stat().st_size / 1e6:.0f} MB, {shard_count} shards, {parts} parts, one machine"
        )
        models = root / "models"
        train(shards, root, models, tokens)
        for count in map(int, processes.split(",")):
            click.echo(f"processes at a time: {count}")
            run_steps(Steps(root, count, memory), shards, parts, tokens, models)
            alone, steps = (FileDigest.of(models / name / "1" / "weights.safetensors") for name in ("alone", "steps"))
            click.echo(f"  weights {'equal to' if steps == alone else 'NOT those of'} one process's, byte by byte")
            shutil.rmtree(root / "work")
            shutil.rmtree(models / "steps")


if __name__ == "__main__":
    main()
