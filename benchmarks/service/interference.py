"""Interference: time between tokens of running streams, alone and beside long requests.

Starts the service on the LSTM of `benchmarks.service.litserve` and keeps streams running. In turns of a second they run
alone, beside a perplexity of many thousand words, and beside texts with prompts of thousands of tokens.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np

from app.core.container_limits import cpu_quota
from benchmarks.service._servers import nextword
from benchmarks.service.litserve import NAME, publish

TURN = 1.0
SETTLED = 0.1
"""Seconds after the beginning of a turn that are not counted."""


def words(count: int) -> str:
    """Different ones each time, so that no prefix is known."""
    return " ".join(f"w{random.randrange(9_000)}" for _ in range(count))


async def post(
    port: int, route: str, model: str = NAME, **fields: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(fields).encode()
    head = f"POST /v1/models/{model}/{route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    return reader, writer


async def stream(port: int, times: list[float], model: str = NAME) -> None:
    """Note when each token comes, text after text, until cancelled."""
    while True:
        reader, writer = await post(
            port, "generate", model, prompt=words(8), max_tokens=4096, ignore_end=True, stream=True
        )
        while line := await reader.readline():
            if line.startswith(b"data: {"):
                times.append(time.perf_counter())
        times.append(float("nan"))  # what lies between two texts is no gap between tokens
        writer.close()


async def ask(port: int, route: str, **fields: Any) -> None:
    """Send a request and read its answer to the end; hang up when cancelled."""
    reader, writer = await post(port, route, **fields)
    try:
        answer = await reader.read()
        if b" 200 " not in answer[:20]:
            raise RuntimeError(answer.decode())
    finally:
        writer.close()


async def beside(work: Callable[[], Awaitable[None]] | None) -> tuple[float, float]:
    """Return a turn with as much of `work` as fits; from when to when it counts."""

    async def forever() -> None:
        while work:
            await work()

    task = asyncio.create_task(forever())
    began = time.perf_counter()
    await asyncio.sleep(TURN)
    if task.done() and work:
        task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return began + SETTLED, began + TURN


async def measure(port: int, streams: int, turns: int) -> dict[str, list[float]]:
    """Gaps between tokens, in seconds, by what went on beside."""
    works: dict[str, Callable[[], Awaitable[None]] | None] = {
        "nothing else": None,
        "a perplexity": lambda: ask(port, "perplexity", text=words(20_000), unit="document"),
        "long prompts": lambda: ask(port, "generate", prompt=words(2_000), max_tokens=1),
    }
    noted: list[list[float]] = [[] for _ in range(streams)]
    running = [asyncio.create_task(stream(port, times)) for times in noted]
    await asyncio.sleep(TURN)
    windows = [(name, *await beside(work)) for _ in range(turns) for name, work in works.items()]
    for task in running:
        task.cancel()
    gaps = [(begin, end) for times in noted for begin, end in pairwise(times)]
    return {
        name: [e - b for b, e in gaps for which, start, stop in windows if which == name and start < b and e < stop]
        for name in works
    }


@click.command()
@click.option("--streams", default=4, show_default=True)
@click.option("--turns", default=8, show_default=True, help="Of each kind, a second each.")
@click.option("--threads", default=cpu_quota, help="Of the server. [default: the CPU quota]")
def main(streams: int, turns: int, threads: int) -> None:
    """Print milliseconds between tokens: mean and 99th percentile, and by how much the mean grows.

    The mean, because a busy machine may deliver several tokens at once.
    """
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder))
        with nextword(Path(folder), threads=threads) as process:
            gaps_by_load = asyncio.run(measure(process.port, streams, turns))  # type: ignore[attr-defined]
    alone = np.mean(gaps_by_load["nothing else"])
    for name, gaps in gaps_by_load.items():
        mean, high = np.mean(gaps), np.quantile(gaps, 0.99)
        row = f"{streams} streams and {name:13} {1e3 * mean:7.2f} ms   p99 {1e3 * high:7.2f} ms"
        click.echo(f"{row}   {1e3 * (mean - alone):+6.2f} ms, {mean / alone:.2f} times   {len(gaps):,} gaps")


if __name__ == "__main__":
    main()
