"""Jobs a minute and scoring speed on a simulated Ray cluster of three nodes.

The nodes are processes of this machine and share its cores, so that more nodes than cores bring nothing: what is seen
is what Ray adds to a job, and that work is shared out. Needs the extra `ray`, here or in the environment of the Python
that NEXTWORD_RAY_PYTHON names; for scoring, `ray[data]` as well. Everything is done within a time that is fixed
beforehand, so the benchmark ends on a busy machine, too: what there was no time for is told.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from app.storage.database import sqlite_url
from benchmarks.scale._ray.cluster import CODE, RayFleet, RayNodes, find_ray_python
from tests.helpers.fleet import Fleet, text

NODES = 3
PROCESSORS = 2
"""Of a node: an actor that scores and a task that reads have room."""
JOBS, JOB_SECONDS = 300, 30.0
TINY: dict[str, Any] = {"kind": "ngram", "config": {"order": 3}}
MODEL = "gutenberg-kn"
FILES, FILE_RECORDS, RECORD_WORDS = 16, 5_000, 100
CLUSTER_SECONDS = 120.0


class TimeIsUp(Exception):
    """No time left for another figure."""


class Clock:
    """Time that the benchmark may take."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self, least: float = 0.0) -> float:
        """Return the seconds left. Raises TimeIsUp for fewer than `least`."""
        if (left := self._end - time.monotonic()) <= least:
            raise TimeIsUp
        return left


def jobs_a_minute(running: Fleet, path: Path, clock: Clock) -> float:
    """Submit tiny jobs, and return how many end a minute once the first one has. Raises TimeIsUp."""
    file = running.client.upload(path)
    asked = [running.submit({"name": "tiny", "training_file": file, **TINY}, f"tiny-{n}") for n in range(JOBS)]
    while running.job(asked[0])["status"] != "succeeded":
        clock.left(JOB_SECONDS)
        time.sleep(0.2)
    began, done = time.monotonic(), 1
    while (passed := time.monotonic() - began) < JOB_SECONDS and done < JOBS:
        time.sleep(0.5)
        while done < JOBS and running.job(asked[done])["status"] == "succeeded":
            done += 1
    return 60 * (done - 1) / passed


def write_records(path: Path, folder: Path) -> Path:
    """Write files of records, pieces of a text in turn."""
    words = path.read_text(encoding="utf-8").split()
    pieces = [" ".join(words[i : i + RECORD_WORDS]) for i in range(0, len(words), RECORD_WORDS)]
    folder.mkdir()
    for number in range(FILES):
        records = range(number * FILE_RECORDS, (number + 1) * FILE_RECORDS)
        lines = (json.dumps({"id": i, "text": pieces[i % len(pieces)]}) for i in records)
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


class Scoring:
    """A program that scores records by as many actors as it is asked for."""

    def __init__(self, python: str, address: str, records: Path, checkpoints: Path) -> None:
        command = [python, "-m", "benchmarks.scale._ray.scoring", address, str(records), str(checkpoints), MODEL]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, text=True, env={**os.environ, **CODE}, **pipes)

    def tokens_per_second(self, actors: int, clock: Clock) -> float:
        """Return the speed by so many actors. Raises TimeIsUp."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(actors, file=self._process.stdin, flush=True)
        if not select.select([self._process.stdout], [], [], clock.left())[0]:
            raise TimeIsUp
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.wait()


def print_scoring(nodes: RayNodes, python: str, records: Path, checkpoints: Path, clock: Clock) -> None:
    """Print the speed of scoring while nodes are added."""
    if subprocess.run([python, "-c", "import ray.data"], capture_output=True).returncode:
        click.echo(f"scoring: not measured, {python} has no Ray Data (pip install 'ray[data]')")
        return
    with closing(Scoring(python, nodes.address, records, checkpoints)) as scoring:
        for count in range(1, NODES + 1):
            if count > 1:
                nodes.add_one()
            click.echo(f"{f'scoring, nodes: {count}':<34}{scoring.tokens_per_second(count, clock):>12,.0f} tokens/s")


def print_jobs(name: str, running: Fleet, path: Path, clock: Clock) -> None:
    """Print how many jobs a worker ends a minute."""
    try:
        running.begin_all()
        click.echo(f"{name:<34}{jobs_a_minute(running, path, clock):>12.0f} jobs/min")
    finally:
        running.stop()


@click.command()
@click.argument("text_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--checkpoints", type=click.Path(exists=True, path_type=Path), default="checkpoints", show_default=True)
@click.option("--limit", default=270.0, show_default=True, help="Seconds for everything.")
def main(text_file: Path, checkpoints: Path, limit: float) -> None:
    """Print scoring speed of TEXT_FILE by nodes, and jobs a minute with the cluster and without."""
    python = find_ray_python()
    if python is None:
        raise click.ClickException("no Ray here (pip install 'nextword[ray]'), and NEXTWORD_RAY_PYTHON names none")
    clock = Clock(limit)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        path, records = text(root / "text.txt"), write_records(text_file, root / "records")
        own = Fleet(root / "own", sqlite_url(root / "own" / "data"), environment={"NEXTWORD_JOB_SLOTS": str(NODES)})
        try:
            print_jobs("jobs, a worker's own processes", own, path, clock)
            with closing(RayNodes(python, 1, PROCESSORS, CLUSTER_SECONDS)) as nodes:
                print_scoring(nodes, python, records, checkpoints.resolve(), clock)
                cluster = RayFleet(root / "ray", sqlite_url(root / "ray" / "data"), nodes, python, NODES)
                print_jobs(f"jobs, {NODES} simulated nodes", cluster, path, clock)
        except TimeIsUp:
            click.echo(f"the rest is not measured: {limit:.0f} s have passed")


if __name__ == "__main__":
    main()
