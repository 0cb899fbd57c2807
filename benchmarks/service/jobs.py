"""Jobs: throughput of four workers on PostgreSQL, and what a training job costs requests beside it.

`throughput` submits 200 small jobs for four workers: once with work that takes no time, which measures the store and
the workers, and once with real jobs in processes of their own. `latency` times `next` while the service is idle and
while a job trains beside it. Without a command, both run. PostgreSQL is a server of its own (Debian's package), or the
service's SQLite where it is not installed.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from app.cli.http_client import ServiceClient
from app.jobs.job import NewJob
from app.jobs.store import JobStore
from app.storage.database import Database, sqlite_url
from app.storage.migrations import migrate
from app.storage.tables import Status
from benchmarks.service._programs import ask_until_answered, running_programs, write_words
from tests.helpers.databases import binaries, free_port, postgresql_server

INSTANT = """
import sys, threading
from pathlib import Path
from app.cli.commands.worker import build_worker
from app.worker.run_protocol import Done
from app.core.settings import Settings
from app.stores import Stores
from dataclasses import replace
import signal

class Run:
    def __init__(self): self.said = False
    def poll(self, seconds):
        said, self.said = self.said, True
        return [] if said else [Done(None, {})]
    def processor_seconds(self): return None
    def stop(self, seconds): pass

class Launcher:
    def start(self, order): return Run()
    def close(self): pass

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
settings = Settings(data=Path(sys.argv[1]), checkpoints=Path(sys.argv[1]) / "checkpoints", database_url=sys.argv[2])
worker = build_worker(settings, Stores.open(settings), stop)
worker._context = replace(worker._context, launcher=Launcher())
worker.run()
"""
"""A worker whose work is done at once."""


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Throughput of workers; latency of requests beside a job. Without a command, all of it."""
    if context.invoked_subcommand is None:
        for instant in (True, False):
            context.invoke(throughput, instant=instant)
        context.invoke(latency)


@contextmanager
def _database() -> Iterator[tuple[str, str]]:
    """The name and the URL of an empty database."""
    if binaries() is None:
        with tempfile.TemporaryDirectory() as directory:
            yield "SQLite", sqlite_url(Path(directory))
        return
    with postgresql_server() as server:
        yield "PostgreSQL", server.create()


@main.command()
@click.option("--jobs", "count", default=200, help="How many jobs. [default: 200]")
@click.option("--workers", default=4, help="How many workers. [default: 4]")
@click.option("--instant/--real", default=True, help="Work that takes no time, or n-gram models. [default: instant]")
def throughput(count: int, workers: int, instant: bool) -> None:
    """Jobs a second; each must be done once, and no worker may starve."""
    with _database() as (name, url), tempfile.TemporaryDirectory() as directory:
        store = Database(url)
        migrate(store)
        jobs = JobStore(store)
        data = Path(directory)
        ids = _instant_jobs(jobs, count) if instant else _real_jobs(url, data, count)
        folders = ["--data", directory, "--checkpoints", str(data / "checkpoints")]
        command = (
            ["-c", INSTANT, directory, url] if instant else ["-m", "app.cli.main", "worker", "--threads", "1", *folders]
        )
        quiet = {"NEXTWORD_LOG_LEVEL": "warning", "NEXTWORD_DATABASE_URL": url}
        with running_programs([command] * workers, **quiet):
            while jobs.page(Status.SUCCEEDED, limit=1)[0] == []:
                time.sleep(0.01)
            began, already = time.monotonic(), len(jobs.page(Status.SUCCEEDED, limit=count)[0])
            while len(jobs.page(Status.SUCCEEDED, limit=count)[0]) < count:
                time.sleep(0.05)
            seconds = time.monotonic() - began
        finished = [jobs.get(job_id) for job_id in ids]
        started = [[event.event for event in jobs.events(job_id)].count("started") for job_id in ids]
        share = Counter(job.worker for job in finished)
        click.echo(
            f"{count} jobs, {workers} workers, {name}: {(count - already) / seconds:.1f} jobs/s; started "
            f"{max(started)} time at the most; by worker {sorted(share.values())}; longest wait "
            f"{max((job.started_at or 0) - job.created_at for job in finished):.1f} s"
        )
        store.close()


def _instant_jobs(jobs: JobStore, count: int) -> list[str]:
    return [jobs.create(NewJob("evaluate", {}, {})).id for _ in range(count)]


def _real_jobs(url: str, data: Path, count: int) -> list[str]:
    with _service(data, "--no-worker", NEXTWORD_DATABASE_URL=url) as (client, _):
        file = client.upload(write_words(data / "small.txt", 50))
        body = {"name": "small", "kind": "ngram", "training_file": file, "config": {"order": 2}}
        return [str(client.post("/v1/jobs", body)["id"]) for _ in range(count)]


@contextmanager
def _service(data: Path, *flags: str, **environment: str) -> Iterator[tuple[ServiceClient, int]]:
    """A service, and its port."""
    port = free_port()
    folders = ["--data", str(data), "--checkpoints", str(data / "checkpoints")]
    client = ServiceClient(f"http://127.0.0.1:{port}")
    with running_programs([["-m", "app.cli.main", "serve", "--port", str(port), *flags, *folders]], **environment):
        ask_until_answered(lambda: client.get("/v1/jobs"))
        yield client, port


@main.command()
@click.option("--seconds", default=20.0, help="How long to time each. [default: 20]")
@click.option("--pause", default=0.01, help="Seconds between two requests. [default: 0.01]")
@click.option("--threads", default=None, help="Threads of the job. [default: all there are]")
def latency(seconds: float, pause: float, threads: str | None) -> None:
    """`next` of an n-gram model and of an LSTM, the service idle and with a job beside it."""
    with tempfile.TemporaryDirectory() as directory:
        settings = {} if threads is None else {"NEXTWORD_JOB_THREADS": threads}
        with _service(Path(directory), NEXTWORD_LOG_LEVEL="warning", **settings) as (client, port):
            file = client.upload(write_words(Path(directory) / "text.txt", 4000))
            small = {"layers": 1, "hidden_size": 64, "embedding_size": 64, "epochs": 0.2}
            for kind, config in (("ngram", {"order": 3}), ("lstm", small)):
                _succeeded(client, {"name": kind, "kind": kind, "training_file": file, "config": config})
            for kind in ("ngram", "lstm"):
                ask_until_answered(partial(client.post, f"/v1/models/{kind}/next", {"context": "w1"}))
            idle = {kind: _times(port, kind, seconds, pause) for kind in ("ngram", "lstm")}
            large = {"layers": 2, "hidden_size": 256, "embedding_size": 256, "epochs": 1000}
            body = {"name": "large", "kind": "lstm", "training_file": file, "config": large}
            job = client.post("/v1/jobs", body)["id"]
            while ((client.get(f"/v1/jobs/{job}")["progress"] or {}).get("phase")) != "training":
                time.sleep(0.2)
            busy = {kind: _times(port, kind, seconds, pause) for kind in ("ngram", "lstm")}
            rate = client.get(f"/v1/jobs/{job}")["progress"]["tokens_per_second"]
            client.post(f"/v1/jobs/{job}/cancel")
    for kind in idle:
        quiet, loud = (_percentiles(times[kind]) for times in (idle, busy))
        click.echo(
            f"next of {kind:<6} idle p50 {quiet[0]:.2f} p99 {quiet[1]:.2f} ms; beside a job p50 {loud[0]:.2f} "
            f"p99 {loud[1]:.2f} ms: p99 x {loud[1] / quiet[1]:.2f}"
        )
    click.echo(f"the job trained at {rate:,.0f} tokens/s")


def _succeeded(client: ServiceClient, body: dict[str, Any]) -> None:
    job = client.post("/v1/jobs", body)
    while (job := client.get(f"/v1/jobs/{job['id']}"))["status"] in ("queued", "running"):
        time.sleep(0.2)
    assert job["status"] == "succeeded", job["error"]


def _times(port: int, model: str, seconds: float, pause: float) -> list[float]:
    """Milliseconds of each request, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"context": "w1 w2 w3"})
    times, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("POST", f"/v1/models/{model}/next", body, {"content-type": "application/json"})
        connection.getresponse().read()
        times.append(1000 * (time.perf_counter() - began))
        time.sleep(pause)
    connection.close()
    return times


def _percentiles(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


if __name__ == "__main__":
    main()
