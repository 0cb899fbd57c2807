"""Seconds of jobs on a simulated Ray cluster, beside those of a worker's own processes.

The nodes are processes of this machine and share its cores, so nothing here says how much faster a cluster is: only
what Ray adds to a job, and how soon a job goes on whose process is lost. Needs the extra `ray`, here or in the
environment of the Python that NEXTWORD_RAY_PYTHON names.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import click

from app.storage.database import sqlite_url
from benchmarks.scale._ray_cluster import RayFleet, find_ray_python, ray_fleet
from tests.helpers.fleet import Fleet, fleet, text

TINY: dict[str, Any] = {"kind": "ngram", "config": {"order": 3}}
LONG: dict[str, Any] = {
    "kind": "lstm",
    "config": {"layers": 1, "hidden_size": 24, "embedding_size": 24, "epochs": 8, "bptt": 8},
}


def job_seconds(running: Fleet, file: str, jobs: int) -> float:
    """Return the median time of a tiny job from its submission to its end, one at a time, in seconds."""
    seconds = []
    for number in range(jobs):
        began = time.perf_counter()
        job = running.wait(running.submit({"name": "tiny", "training_file": file, **TINY}, f"tiny-{number}"))
        if job["status"] != "succeeded":
            raise RuntimeError(str(job["error"]))
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:])  # the first one loads what the others find loaded


def seconds_at_once(running: Fleet, file: str, jobs: int) -> float:
    """Return the time of so many tiny jobs submitted together, in seconds a job."""
    began = time.perf_counter()
    asked = [running.submit({"name": "many", "training_file": file, **TINY}, f"many-{n}") for n in range(jobs)]
    for job_id in asked:
        running.wait(job_id)
    return (time.perf_counter() - began) / jobs


def resumed_after(running: RayFleet, file: str) -> float:
    """Kill the process of a training, and return the seconds until another attempt reports a later step."""
    job_id = running.submit({"name": "long", "training_file": file, **LONG}, "long")
    _wait_for_step(running, job_id, 20)
    step = running.metrics(job_id)[-1]["step"]
    began = time.perf_counter()
    running.kill("child")
    _wait_for_step(running, job_id, step + 1)
    seconds = time.perf_counter() - began
    running.wait(job_id)
    return seconds


def _wait_for_step(running: Fleet, job_id: str, step: int) -> None:
    while not any(point["step"] >= step for point in running.metrics(job_id)):
        time.sleep(0.1)


@click.command()
@click.option("--jobs", default=6, help="Tiny jobs of each kind of run. [default: 6]")
@click.option("--nodes", default=3, help="Nodes of one processor each that do jobs. [default: 3]")
def main(jobs: int, nodes: int) -> None:
    """Print the time of jobs on a simulated cluster and of jobs of a worker's own."""
    python = find_ray_python()
    if python is None:
        raise click.ClickException(
            "Ray is not installed (pip install 'nextword[ray]'), nor does NEXTWORD_RAY_PYTHON name it"
        )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = text(root / "text.txt")
        print(f"{'tiny jobs done by':<34}{'one at a time':>16}{'together':>12}")
        with fleet(root / "own", sqlite_url(root / "own" / "data")) as own:
            file = own.client.upload(path)
            print(f"{'a worker':<34}{job_seconds(own, file, jobs):>14.2f} s{seconds_at_once(own, file, jobs):>10.2f} s")
        url = sqlite_url(root / "ray" / "data")
        with ray_fleet(root / "ray", url, python, nodes, slots=nodes) as cluster:
            file = cluster.client.upload(path)
            alone, together = job_seconds(cluster, file, jobs), seconds_at_once(cluster, file, jobs)
            print(f"{f'{nodes} simulated nodes':<34}{alone:>14.2f} s{together:>10.2f} s")
            print(f"a training goes on after its process is killed: {resumed_after(cluster, file):.1f} s")


if __name__ == "__main__":
    main()
