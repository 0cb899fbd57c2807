"""Overload: latency of admitted and refused requests at ten times the load that the service can take.

Finds the capacity first (as many clients as there are rows in a batch, each asking again as soon as it has its answer),
then offers a multiple of that rate whether or not it is answered, and prints latencies of both, the share refused and
the time to refuse, and the server's memory, second by second. The client is this process, the server another; they
share the machine, so the client's own work counts against the server.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from subprocess import Popen

import click
import numpy as np

from benchmarks.service._load import load
from benchmarks.service._offer import offer
from benchmarks.service._servers import nextword


def resident(server: Popen[bytes]) -> float:
    """Return the resident memory of the process that serves, in MB."""
    serving = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0]
    pages = int(Path(f"/proc/{serving}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def percentiles(seconds: list[float]) -> str:
    """Return the median and the 99th percentile, in milliseconds."""
    if not seconds:
        return "none"
    p50, p99 = 1e3 * np.quantile(seconds, [0.5, 0.99])
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


@click.command()
@click.argument("checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="gutenberg-lstm")
@click.option("--tokens", default=32, help="Tokens that each request asks for.")
@click.option("--clients", default=64, help="Clients whose rate is the capacity.")
@click.option("--times", default=10.0, help="How many times that rate is offered.")
@click.option("--seconds", default=20.0, help="How long, each.")
def main(checkpoints: Path, model: str, tokens: int, clients: int, times: float, seconds: float) -> None:
    """Offer more than MODEL of CHECKPOINTS can take."""
    path = f"/v1/models/{model}/generate"
    bodies = (
        json.dumps({"prompt": "it was", "max_tokens": tokens, "seed": seed, "ignore_end": True}).encode()
        for seed in itertools.count()
    )
    with nextword(checkpoints) as server:
        port = server.port  # type: ignore[attr-defined]
        load(port, path, bodies, clients, 3)
        capacity = load(port, path, bodies, clients, seconds)
        rate = len(capacity.latencies) / capacity.seconds
        print(f"{model}, {tokens} tokens a request")
        print(f"capacity   {rate:.1f} requests/s with {clients} clients: {percentiles(capacity.latencies)}", flush=True)
        memory: list[float] = []
        result = offer(port, path, bodies, times * rate, seconds, lambda: memory.append(resident(server)))
    print(
        f"offered    {times * rate:.1f} requests/s: {len(result.late)} sent, {result.unsent} not (no connection free)"
    )
    print(f"sent late  {percentiles(result.late)}")
    print(f"admitted   {len(result.admitted) / seconds:.1f} requests/s: {percentiles(result.admitted)}")
    print(f"refused    {len(result.refused) / result.answered:.1%}: {percentiles(result.refused)}")
    ratio = np.quantile(result.admitted, 0.99) / np.quantile(capacity.latencies, 0.99)
    print(f"p99 of the admitted / p99 at capacity: {ratio:.2f}")
    print("memory, MB " + " ".join(f"{megabytes:.0f}" for megabytes in memory))
    if result.others:
        print(f"neither: {len(result.others)}, such as {result.others[0]}")


if __name__ == "__main__":
    main()
