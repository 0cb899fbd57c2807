"""Ten times more load than the service can take: how fast the admitted are answered, how fast the others are refused.

Finds the capacity first (as many clients as there are rows in a batch, each asking anew as soon as it has its answer),
then offers a multiple of that rate whether or not it is answered, and prints latencies of both, the share refused and
the time to refuse, and the server's memory, second by second. The client is this process, the server another; they
share the machine, so the client's own work counts against the server.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import click
import numpy as np

from benchmarks._load import _Connection, load
from benchmarks._servers import nextword

MOST_CONNECTIONS = 1000
TICK_SECONDS = 0.002


@dataclass
class Offered:
    """What became of requests that were offered at a fixed rate."""

    admitted: list[float] = field(default_factory=list)
    """Seconds from the moment a request was due to its answer."""
    refused: list[float] = field(default_factory=list)
    """Seconds from when it was sent, which may be after it was due: a busy client is late."""
    unsent: int = 0
    """Due while every connection waited for an answer."""
    others: list[str] = field(default_factory=list)
    """Answers that are neither."""


async def offer(port: int, path: str, bodies: Iterator[bytes], rate: float, seconds: float) -> Offered:
    """Ask so many times a second for so long, on as many connections as that takes, up to a limit."""
    found, free, opened = Offered(), [], 0
    loop, tasks, begin = asyncio.get_running_loop(), set(), time.perf_counter()

    async def ask(connection: _Connection, due: float) -> None:
        sent = time.perf_counter()
        try:
            await connection.ask(path, next(bodies))
            found.admitted.append(time.perf_counter() - due)
        except RuntimeError as error:
            kind = found.refused if str(error).startswith("HTTP/1.1 429") else None
            found.others.append(str(error)[:200]) if kind is None else kind.append(time.perf_counter() - sent)
        free.append(connection)

    for number in range(int(rate * seconds)):
        due = begin + number / rate
        if due > time.perf_counter():
            await asyncio.sleep(max(due - time.perf_counter(), TICK_SECONDS))
        if not free and opened < MOST_CONNECTIONS:
            opened += 1
            free.append((await loop.create_connection(_Connection, "127.0.0.1", port))[1])
        if free:
            task = asyncio.ensure_future(ask(free.pop(), due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        else:
            found.unsent += 1
    await asyncio.gather(*tasks)
    for connection in free:
        connection.close()
    return found


async def watched(port: int, work: asyncio.Future[Offered], memory: list[float]) -> Offered:
    """The outcome of `work`; `memory` gets the server's, in MB, each second meanwhile."""
    while not work.done():
        memory.append(await asyncio.to_thread(resident, port))
        await asyncio.wait([work], timeout=1)
    return work.result()


def resident(port: int) -> float:
    """The server's resident memory, in MB."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("process_resident_memory_bytes ")) / 1e6


def told(seconds: list[float]) -> str:
    """The median and the 99th percentile, in milliseconds."""
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
        print(f"capacity   {rate:.1f} requests/s with {clients} clients: {told(capacity.latencies)}")
        memory: list[float] = [resident(port)]

        async def overload() -> Offered:
            work = asyncio.ensure_future(offer(port, path, bodies, times * rate, seconds))
            return await watched(port, work, memory)

        found = asyncio.run(overload())
    asked = len(found.admitted) + len(found.refused) + len(found.others)
    print(f"offered    {times * rate:.1f} requests/s: {asked} sent, {found.unsent} not (no connection was free)")
    print(f"admitted   {len(found.admitted) / seconds:.1f} requests/s: {told(found.admitted)}")
    print(f"refused    {len(found.refused) / asked:.1%}: {told(found.refused)}")
    ratio = np.quantile(found.admitted, 0.99) / np.quantile(capacity.latencies, 0.99)
    print(f"p99 of the admitted / p99 at capacity: {ratio:.2f}")
    print("memory, MB " + " ".join(f"{megabytes:.0f}" for megabytes in memory))
    if found.others:
        print(f"neither: {len(found.others)}, such as {found.others[0]}")


if __name__ == "__main__":
    main()
