"""Several server processes: requests a second of one and of two, on pinned cores.

Takes the folder of checkpoints and two cores. First the client has one core and the server the other; then both have
both. Each rate is a median of rounds that take turns, and beside it stands the server's processor time a request, which
other work on the machine changes less.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any

import click

from benchmarks.service._load import Load
from benchmarks.service._servers import nextword
from benchmarks.service.requests import measured

QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "next, n-gram": ("gutenberg-kn/next", {"context": "it was the best of"}),
    "generate 16 tokens, LSTM": ("gutenberg-lstm/generate", {"prompt": "it was", "max_tokens": 16, "seed": 1}),
}


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Keep this process, and those that it starts, on some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def compare(servers: dict[int, Popen[bytes]], rounds: int, seconds: float) -> None:
    """Print the rates of servers by their number of processes, asked in turn."""
    for what, (path, body) in QUESTIONS.items():
        loads: dict[int, list[Load]] = {count: [] for count in servers}
        for _ in range(rounds):
            for count, server in servers.items():
                loads[count].append(measured(server, f"/v1/models/{path}", body, 16, seconds))
        rates = {count: median(load.rate(1) for load in some) for count, some in loads.items()}
        costs = {
            count: median(1e6 * load.cpu_seconds / len(load.latencies) for load in some)
            for count, some in loads.items()
        }
        told = "; ".join(f"{count}: {rates[count]:.0f} a second, {costs[count]:.0f} µs" for count in servers)
        click.echo(f"  {what:<26} processes {told}; ratio {rates[2] / rates[1]:.2f}")


@click.command()
@click.argument("checkpoints", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cores", default="0,1", show_default=True, help="Two cores.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=3.0, show_default=True)
def main(checkpoints: Path, cores: str, rounds: int, seconds: float) -> None:
    """Compare one process with two, on cores of their own and on shared ones."""
    first, second = map(int, cores.split(","))
    for name, ours, theirs in (
        ("client on one core, server on the other", {first}, {second}),
        ("client and server on both cores", {first, second}, {first, second}),
    ):
        with ExitStack() as running:
            with pinned(theirs):
                servers = {count: running.enter_context(nextword(checkpoints, workers=count)) for count in (1, 2)}
            with pinned(ours):
                click.echo(name)
                compare(servers, rounds, seconds)


if __name__ == "__main__":
    main()
