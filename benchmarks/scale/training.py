"""Training by several processes: perplexity after the same tokens, and after the same time.

python -m benchmarks.scale.training TRAIN VALID. Each training is a run of `torchrun` with `nextword train`, one thread
a process, from the text to a published model. After the same tokens all have made as many epochs; for the same time
each makes as many epochs as its speed lets it in the seconds of one process, by a schedule of that length. All of them
share this machine, where they talk faster than by any network: more of them than it has cores can only lose.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

NETWORK = ("--kind", "lstm", "--layers", "1", "--embedding-size", "64", "--hidden-size", "64", "--pretokenized")


@dataclass(frozen=True)
class Trained:
    """Outcome of a training."""

    seconds: float
    """From the beginning of the text to the last step."""
    cpu_seconds: float
    """Of all processes, from their start to their end."""
    tokens: float
    """Read in all epochs."""
    perplexity: float
    """Of the validation text, as one document."""

    def columns(self) -> str:
        """Return the outcome as columns of the table."""
        speed = self.tokens / self.seconds
        return f"{self.seconds:7.1f}{self.cpu_seconds:10.1f}{speed:11,.0f}{self.perplexity:13.2f}"


def train(
    files: tuple[Path, Path], processes: int, average_every: int, epochs: float, options: Sequence[str]
) -> Trained:
    """Train by so many processes, of one thread each."""
    text, validation = map(str, files)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command += ["-m", "app.cli.main", "train", text, "--validation", validation, "--name", "joint"]
        command += ["--epochs", repr(epochs), "--average-every", str(average_every), "--threads", "1", *options]
        command += ["--checkpoints", folder, "--quiet", "--json"]
        before = _child_seconds()
        run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if run.returncode:
            told = [line for line in run.stderr.splitlines() if line.startswith(("nextword:", "[rank"))]
            raise click.ClickException("\n".join(told) or run.stderr[-1000:])
        metrics: dict[str, Any] = json.loads(run.stdout)["metrics"]
    training, figures = metrics["training"], metrics["validation"]["document"]
    tokens = epochs * training["token_count"]
    return Trained(training["seconds"], _child_seconds() - before, tokens, figures["perplexity"])


def _child_seconds() -> float:
    """Return the processor seconds of all programs that this one has run to their end."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("validation", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--processes", default="1,2,4", show_default=True)
@click.option("--average-every", default="16", show_default=True, help="Steps, of several processes.")
@click.option("--epochs", default=2.0, show_default=True)
@click.option(
    "--same-time/--same-tokens", default=True, help="Whether to train for the same time as well. [default: yes]"
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(
    text: Path,
    validation: Path,
    processes: str,
    average_every: str,
    epochs: float,
    same_time: bool,
    options: tuple[str, ...],
) -> None:
    """Print speed and perplexity by number of processes; OPTIONS, after --, are those of `nextword train`."""
    files, options, cores = (text, validation), options or NETWORK, len(os.sched_getaffinity(0))
    click.echo(f"{' '.join(options)}; {epochs:g} epochs, one thread a process, on {cores} cores\n")
    click.echo("            average              processor        after the same tokens   after the same time")
    click.echo("processes   every     seconds   seconds   tokens/s   perplexity              epochs   perplexity")
    alone = None
    for count in map(int, processes.split(",")):
        for every in map(int, average_every.split(",")) if count > 1 else (1,):
            trained = train(files, count, every, epochs, options)
            alone = alone or trained
            click.echo(f"{count:<12}{every:<10}{trained.columns()}", nl=False)
            if same_time:
                longer = epochs * alone.seconds / trained.seconds
                again = trained if trained is alone else train(files, count, every, longer, options)
                click.echo(f"{longer:20.2f}{again.perplexity:13.2f}", nl=False)
            click.echo()


if __name__ == "__main__":
    main()
