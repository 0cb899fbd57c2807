"""Waits for the GIL between short compiled calls beside a busy event loop, with and without requests.

The compute thread samples tokens, one compiled call after the other, as a decoder does. The event loop parses and
answers small JSON messages on socket pairs, and is never idle. In turns the compute thread is registered with
`models.kernels.gil`, so that the event loop yields to it, and not registered.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import NamedTuple, cast

import click
import numpy as np

from models.kernels import gil
from models.kernels.sampling import SamplingMetadata

MESSAGE = json.dumps({"prompt": "w1 w2 w3 w4", "scores": list(range(1000))}).encode()
"""Parsing and writing it takes about as long as a small HTTP request of the service does in Python."""


class Turn(NamedTuple):
    """Figures of one turn."""

    intervals: list[float]
    """Seconds from one compiled call's return to the next one's."""
    messages: int
    """How many messages the event loop answered meanwhile."""


class Echo(asyncio.Protocol):
    """Answers every message; yields to the compute thread where the server does, as data arrives."""

    messages = 0
    """How many all connections have answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        gil.yield_to_compute_thread()
        Echo.messages += 1
        self._transport.write(json.dumps(json.loads(data)).encode())


async def keep_busy(connections: int) -> None:
    """Let the running event loop send a message to and fro on each connection as long as it runs."""
    loop = asyncio.get_running_loop()
    for left, right in [socket.socketpair() for _ in range(connections)]:
        await loop.create_connection(Echo, sock=left)
        transport, _ = await loop.create_connection(Echo, sock=right)
        transport.write(MESSAGE)


def call_repeatedly(call: Callable[[], object], seconds: float, registered: bool) -> list[float]:
    """Call a compiled function again and again, and return when each call returned, in seconds."""
    if registered:
        gil.register_compute_thread()
    times = [time.perf_counter()]
    while times[-1] - times[0] < seconds:
        call()
        times.append(time.perf_counter())
        if registered:
            gil.yield_periodically()
    gil.before_release()
    return times


async def take_turn(call: Callable[[], object], seconds: float, registered: bool) -> Turn:
    """Run `call_repeatedly` in a thread of its own beside the running event loop."""
    before = Echo.messages
    with ThreadPoolExecutor(1) as pool:
        times = await asyncio.get_running_loop().run_in_executor(pool, call_repeatedly, call, seconds, registered)
    return Turn(np.diff(times).tolist(), Echo.messages - before)


async def measure(call: Callable[[], object], connections: int, seconds: float, turns: int) -> dict[str, list[Turn]]:
    """Take turns beside an idle event loop, then beside a busy one."""
    results = {"idle event loop": [await take_turn(call, seconds, registered=False)]}
    await keep_busy(connections)
    results |= {"busy, no requests": [], "busy, requests": []}
    for _ in range(turns):
        results["busy, no requests"].append(await take_turn(call, seconds, registered=False))
        results["busy, requests"].append(await take_turn(call, seconds, registered=True))
    return results


def sampling_call(vocabulary: int) -> Callable[[], object]:
    """Return a compiled call that samples a token of one row."""
    row = np.random.default_rng(0).normal(size=(1, vocabulary)).astype(np.float32)
    sampling = SamplingMetadata(np.ones(1, np.float32), np.full(1, 0.5), np.zeros((1, 2), np.bool_), {})
    sampling.sample(row)
    return lambda: sampling.sample(row)


@click.command()
@click.option("--vocabulary", default=40_000, show_default=True, help="Log-probabilities in a row: cost of a call.")
@click.option("--connections", default=16, show_default=True)
@click.option("--seconds", default=0.5, show_default=True, help="Length of a turn.")
@click.option("--turns", default=30, show_default=True)
def main(vocabulary: int, connections: int, seconds: float, turns: int) -> None:
    """Print microseconds from one compiled call's return to the next one's, and messages a second.

    Medians over turns of each turn's median, mean and 99th percentile.
    """
    results = asyncio.run(measure(sampling_call(vocabulary), connections, seconds, turns))
    for name, figures in results.items():
        middle, mean, high = (
            median(1e6 * float(figure(turn.intervals)) for turn in figures) for figure in (np.median, np.mean, p99)
        )
        messages = median(turn.messages for turn in figures) / seconds
        click.echo(
            f"{name:17}   median {middle:7,.0f} us   mean {mean:7,.0f} us   p99 {high:7,.0f} us   "
            f"{messages:9,.0f} messages/s"
        )


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return float(np.quantile(seconds, 0.99))


if __name__ == "__main__":
    main()
