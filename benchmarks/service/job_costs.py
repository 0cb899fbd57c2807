"""Processor time of tiny n-gram jobs, by process: service, worker, fork server, and the jobs' own.

Each job counts 50 lines into a model of order 2. Jobs are asked for over HTTP while no worker runs; then one worker
does them, one at a time, and the service loads what they publish. What loading takes once, before the first job of a
worker, stands apart.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click

from app.cli.http_client import ServiceClient
from benchmarks.service._programs import ask_until_answered, running_programs, write_words
from tests.helpers.databases import free_port, sqlite_url
from tests.helpers.fleet import children, is_fork_server

TICKS = os.sysconf("SC_CLK_TCK")


class Seconds(NamedTuple):
    """Processor time of a process, and of its children that have ended."""

    own: float
    ended_children: float

    @classmethod
    def of(cls, pid: int) -> Seconds:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        user, system, children_user, children_system = map(int, fields[11:15])
        return cls((user + system) / TICKS, (children_user + children_system) / TICKS)

    def since(self, before: Seconds) -> Seconds:
        return Seconds(self.own - before.own, self.ended_children - before.ended_children)


def fork_server(worker: int) -> int:
    """Return the id of a worker's fork server, once there is one."""
    while True:
        for child in children(worker):
            if is_fork_server(child):
                return child
        time.sleep(0.05)


def wait_for_jobs(client: ServiceClient, count: int) -> None:
    """Wait until so many jobs have succeeded."""
    while len(client.get("/v1/jobs", status="succeeded", limit=count)["data"]) < count:
        time.sleep(0.2)


@click.command()
@click.option("--jobs", "count", default=50, show_default=True)
def main(count: int) -> None:
    """Ask for so many tiny jobs, have them done, and print where the time goes."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        port, folders = free_port(), ["--data", directory, "--checkpoints", str(folder / "checkpoints")]
        environment = {"NEXTWORD_DATABASE_URL": sqlite_url(folder), "NEXTWORD_LOG_LEVEL": "warning"}
        serve = ["-m", "app.cli.main", "serve", "--no-worker", "--port", str(port), *folders]
        work = ["-m", "app.cli.main", "worker", "--threads", "1", *folders]
        client = ServiceClient(f"http://127.0.0.1:{port}")
        with running_programs([serve], **environment) as (service,):
            ask_until_answered(lambda: client.get("/v1/jobs"))
            file = client.upload(write_words(folder / "small.txt", 50))
            body = {"kind": "ngram", "training_file": file, "config": {"order": 2}}
            serving = next(iter(children(service.pid)), service.pid)
            before = Seconds.of(serving)
            for number in range(count + 1):
                client.post("/v1/jobs", body | {"name": f"small-{number}"})
            submitting = Seconds.of(serving).since(before).own / (count + 1)
            with running_programs([work], NEXTWORD_JOB_SLOTS="1", NEXTWORD_JOB_NICENESS="0", **environment) as (
                worker,
            ):
                forking = fork_server(worker.pid)
                wait_for_jobs(client, 1)
                ask_until_answered(lambda: client.post("/v1/models/small-0/next", {"context": "w1"}))
                pids = (serving, worker.pid, forking)
                loading, began = Seconds.of(forking).own, time.monotonic()
                first = [Seconds.of(pid) for pid in pids]
                done = len(client.get("/v1/jobs", status="succeeded", limit=count)["data"])
                wait_for_jobs(client, count)
                used = [Seconds.of(pid).since(then) for pid, then in zip(pids, first, strict=True)]
                jobs, seconds = count - done, time.monotonic() - began
        parts = {
            "ask for it (service)": submitting,
            "claim, follow and publish it (worker)": used[1].own / jobs,
            "fork its process (fork server)": used[2].own / jobs,
            "count, smooth, evaluate and write (its process)": used[2].ended_children / jobs,
            "load and serve the model (service, asked five times a second)": used[0].own / jobs,
        }
        for name, part in parts.items():
            click.echo(f"{name:<62} {1000 * part:6.1f} ms")
        click.echo(f"{'in all':<62} {1000 * sum(parts.values()):6.1f} ms; {jobs / seconds:.1f} jobs/s")
        click.echo(f"{'once, before the first (fork server)':<62} {1000 * loading:6.1f} ms")


if __name__ == "__main__":
    main()
