"""A large text over HTTP to its end: uploaded, trained on as a job within a budget, and asked.

Takes a text, such as `benchmarks.scale.text` writes. A service and its worker are begun for it, with one thread, and
the job makes an n-gram model. Each step has its time, the job's process its processor time and its memory as well.
"""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from app.cli.http_client import ServiceClient
from benchmarks.service._programs import ask_until_answered, running_programs
from tests.helpers.databases import free_port
from tests.helpers.fleet import children, is_fork_server


def upload(port: int, text: Path) -> str:
    """Send a text as it lies on the disk; return the id of the file."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    with text.open("rb") as body:
        headers = {"content-type": "text/plain", "content-length": str(text.stat().st_size)}
        connection.request("POST", f"/v1/files?filename={text.name}", body, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
    if answer.status != 201:
        raise click.ClickException(content["error"]["message"])
    return str(content["id"])


def forked_jobs(pid: int) -> list[int]:
    """Return the ids of the processes that fork servers below a process have forked."""
    found: list[int] = []
    for child in children(pid):
        found += children(child) if is_fork_server(child) else forked_jobs(child)
    return found


def watch(client: ServiceClient, job_id: str, service: int) -> tuple[dict[str, Any], float, int]:
    """Return a job at its end, and the processor seconds and peak bytes of its process."""
    seconds, peak = 0.0, 0
    while (job := client.get(f"/v1/jobs/{job_id}"))["status"] in ("queued", "running"):
        for pid in forked_jobs(service):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue  # it has ended
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) << 10
        time.sleep(0.5)
    return job, seconds, peak


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--order", default=3, show_default=True)
@click.option("--memory", default="1G", show_default=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Place for all files.")
def main(text: Path, order: int, memory: str, folder: Path | None) -> None:
    """Upload TEXT, train on it, and ask the model."""
    with tempfile.TemporaryDirectory(dir=folder) as directory:
        port, folders = free_port(), ["--data", f"{directory}/data", "--checkpoints", f"{directory}/models"]
        limits = {"NEXTWORD_MAX_FILE_BYTES": str(1 << 40), "NEXTWORD_MAX_JOB_SECONDS": "1e6"}
        environment = {
            **limits,
            "NEXTWORD_JOB_THREADS": "1",
            "NEXTWORD_JOB_NICENESS": "0",
            "NEXTWORD_LOG_LEVEL": "warning",
        }
        client = ServiceClient(f"http://127.0.0.1:{port}")
        with running_programs([["-m", "app.cli.main", "serve", "--port", str(port), *folders]], **environment) as (
            service,
        ):
            ask_until_answered(lambda: client.get("/v1/jobs"))
            began = time.monotonic()
            file = upload(port, text)
            click.echo(f"{text.stat().st_size / 1e6:.0f} MB uploaded in {time.monotonic() - began:.0f} s")
            body = {
                "name": "large",
                "kind": "ngram",
                "training_file": file,
                "config": {"order": order},
                "memory": memory,
            }
            began = time.monotonic()
            job, seconds, peak = watch(client, client.post("/v1/jobs", body)["id"], service.pid)
            if job["status"] != "succeeded":
                raise click.ClickException(f"the job {job['status']}: {job['error']}")
            estimate = job["estimate"]
            estimated = f"{estimate['seconds']:.0f} s, {estimate['memory_bytes'] / 2**20:.0f} MiB"
            click.echo(
                f"order {order} within {memory}: {time.monotonic() - began:.0f} s, {seconds:.0f} s of processor, peak "
                f"{peak / 2**20:.0f} MiB (estimated: {estimated})"
            )
            began = time.monotonic()
            ask_until_answered(lambda: client.post("/v1/models/large/next", {"context": "the old man"}))
            model = client.get("/v1/models/large")
            click.echo(
                f"served {time.monotonic() - began:.1f} s later: {model['vocabulary_size']:,} words, "
                f"{model['parameters']:,} parameters, {model['bytes'] / 1e6:.0f} MB"
            )


if __name__ == "__main__":
    main()
