"""Followers of jobs: what those who wait for events cost the server, and the requests beside them.

Starts a server with queued jobs and no worker, so that nothing happens. With so many followers, spread over the jobs,
it takes the server's processor time of quiet seconds, then that and the latency of `next`. With `--before` the same is
measured, in turns, of another checkout, such as one made by `git archive REVISION`.
"""

from __future__ import annotations

import json
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import repeat
from pathlib import Path
from statistics import median
from subprocess import Popen

import click

from app.jobs.job import NewJob
from app.jobs.store import JobStore
from app.storage.database import Database, sqlite_url
from app.storage.migrations import migrate
from benchmarks.service._load import load
from benchmarks.service._servers import cpu_seconds, nextword

SETTLE_SECONDS = 5.0
"""After which every follower was told what its job waits for, and nothing happens any more."""


@contextmanager
def server(code: Path, checkpoints: Path, jobs: int) -> Iterator[tuple[Popen[bytes], list[str]]]:
    """The service of a checkout with so many queued jobs, and the ids of those."""
    with tempfile.TemporaryDirectory() as data:
        with closing(Database(sqlite_url(Path(data)))) as database:
            migrate(database)
            store = JobStore(database)
            ids = [store.create(NewJob("evaluate", {"model": "none"}, {})).id for _ in range(jobs)]
        limits = {"max_requests": 4096, "max_connections": 4096}
        with nextword(checkpoints, code, data=data, log_level="warning", **limits) as process:
            yield process, ids


def follow(port: int, job_id: str) -> socket.socket:
    """Return a connection over which the events of a job come; the first has come."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(
        f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n".encode()
    )
    received = b""
    while b"event: queued" not in received:
        piece = connection.recv(65536)
        if not piece or (received and b" 200 " not in received[:20]):
            raise RuntimeError(received.decode())
        received += piece
    return connection


def measure(
    process: Popen[bytes], ids: list[str], followers: int, model: str, seconds: float
) -> tuple[float, float, float]:
    """Return the share of a core of idle followers, and median and 99th percentile of `next` in seconds."""
    port: int = process.port  # type: ignore[attr-defined]
    with ExitStack() as stack:
        for number in range(followers):
            stack.enter_context(follow(port, ids[number % len(ids)]))
        time.sleep(SETTLE_SECONDS if followers else 1.0)
        before, began = cpu_seconds(process), time.perf_counter()
        time.sleep(seconds)
        share = (cpu_seconds(process) - before) / (time.perf_counter() - began)
        body = json.dumps({"context": "it was the best of"}).encode()
        asked = load(port, f"/v1/models/{model}/next", repeat(body), 1, seconds)
    return share, asked.p50, asked.p99


@click.command()
@click.argument("checkpoints", type=click.Path(exists=True, path_type=Path), default="checkpoints")
@click.option("--model", default="gutenberg-kn", show_default=True)
@click.option("--followers", multiple=True, type=int, default=(0, 200, 1000), show_default=True)
@click.option("--jobs", default=1000, show_default=True, help="Followed jobs, at most.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=5.0, show_default=True)
@click.option("--before", type=click.Path(exists=True, path_type=Path), help="Another checkout, measured beside this.")
def main(
    checkpoints: Path,
    model: str,
    followers: tuple[int, ...],
    jobs: int,
    rounds: int,
    seconds: float,
    before: Path | None,
) -> None:
    """Print medians: share of a core that followers take while nothing happens, latencies of `next`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * max(followers) + 1000)), hard))
    checkouts = {"this": Path(__file__).parents[2], **({"before": before} if before else {})}
    figures: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(server(code, checkpoints, jobs)) for name, code in checkouts.items()}
        for _ in range(rounds):
            for count in followers:
                for name, (process, ids) in servers.items():
                    figure = measure(process, ids, count, model, seconds)
                    figures.setdefault((name, count), []).append(figure)
    for (name, count), measured in figures.items():
        share, p50, p99 = map(median, zip(*measured, strict=True))
        print(f"{name:<8}{count:>6} followers{share:>8.1%} of a core   next {1e3 * p50:.2f} ms, p99 {1e3 * p99:.1f} ms")


if __name__ == "__main__":
    main()
