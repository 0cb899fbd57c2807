"""Completion while people type: latency of each keystroke, and requests a second beside `next`.

Open loop: people type a passage at a steady pace and ask at every keystroke; a latency counts from when the key was
due, the wait for a late answer to the key before included. Beside it `next` is asked the same. Closed loop: clients
ask for keystroke after keystroke as fast as answers come, in turn with clients of `next` and the same contexts; beside
rates it prints the server's processor time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from statistics import median
from subprocess import Popen

import click
import numpy as np

from benchmarks.service._load import _Connection, load
from benchmarks.service._servers import cpu_seconds, nextword

PASSAGE = (
    "It was the best of times , it was the worst of times , it was the age of wisdom , it was the age of foolishness , "
    "it was the epoch of belief , it was the epoch of incredulity , it was the season of Light , it was the season of "
    "Darkness , it was the spring of hope , it was the winter of despair , we had everything before us , we had "
    "nothing before us , we were all going direct to Heaven , we were all going direct the other way ."
)
"""Opening of A Tale of Two Cities (Charles Dickens, 1859)."""


def keystrokes(passage: str, begin: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the context and the prefix after each keystroke, without end."""
    words = passage.split()
    for number in cycle(range(len(words))):
        place = (number + begin) % len(words)
        context, word = " ".join(words[:place]), words[place]
        for typed in range(len(word)):
            yield context, word[:typed]


def bodies(begin: int, *, prefixes: bool) -> Iterator[bytes]:
    """Yield the request of each keystroke; without prefixes, what `next` is asked."""
    for context, prefix in keystrokes(PASSAGE, begin):
        content = {"context": context, "prefix": prefix, "top_k": 5} if prefixes else {"context": context, "top_k": 5}
        yield json.dumps(content).encode()


def type_together(port: int, path: str, people: int, pace: float, seconds: float) -> list[float]:
    """Return the latency of each keystroke, in seconds, of people who type `pace` keys a second each."""
    return asyncio.run(_type_together(port, path, people, pace, seconds))


async def _type_together(port: int, path: str, people: int, pace: float, seconds: float) -> list[float]:
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(_Connection, "127.0.0.1", port))[1] for _ in range(people)]
    begin = loop.time() + 0.2
    latencies: list[float] = []

    async def person(number: int, connection: _Connection) -> None:
        due = begin + number / (people * pace)  # nobody types in step with another
        for body in bodies(7 * number, prefixes=True):
            if due > begin + seconds:
                return
            await asyncio.sleep(max(0.0, due - loop.time()))
            await connection.ask(path, body)
            latencies.append(loop.time() - due)
            due += 1 / pace

    await asyncio.gather(*(person(number, connection) for number, connection in enumerate(connections)))
    for connection in connections:
        connection.close()
    return latencies


def compare(server: Popen[bytes], model: str, clients: int, rounds: int, seconds: float) -> None:
    """Print rates and processor time of both routes, asked in turn."""
    rates: dict[str, list[float]] = {"next": [], "complete": []}
    costs: dict[str, list[float]] = {"next": [], "complete": []}
    for _ in range(rounds):
        for route in rates:
            before = cpu_seconds(server)
            questions = bodies(0, prefixes=route == "complete")
            measured = load(server.port, f"/v1/models/{model}/{route}", questions, clients, seconds)  # type: ignore[attr-defined]
            rates[route].append(measured.rate(1))
            costs[route].append(1e6 * (cpu_seconds(server) - before) / len(measured.latencies))
    ratio = median(one / other for one, other in zip(rates["complete"], rates["next"], strict=True))
    for route in rates:
        print(f"{route:<10}{clients:>4} clients {median(rates[route]):>8.0f}/s {median(costs[route]):>8.0f} us of CPU")
    print(f"complete / next: {ratio:.2f} of the requests a second")


@click.command()
@click.argument("checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="gutenberg-kn", help="A language model in there.")
@click.option("--people", default=16, help="How many type at once.")
@click.option("--pace", default=5.0, help="Keystrokes a second of each.")
@click.option("--seconds", default=10.0, help="How long they type.")
@click.option("--rounds", default=5, help="How often the closed loop runs, in turn with `next`; 0: not at all.")
def main(checkpoints: Path, model: str, people: int, pace: float, seconds: float, rounds: int) -> None:
    """Measure completion by MODEL in CHECKPOINTS while people type."""
    with nextword(checkpoints, log_level="warning") as server:
        port = server.port  # type: ignore[attr-defined]
        for route in ("complete", "next"):
            type_together(port, f"/v1/models/{model}/{route}", people, pace, 1.0)  # warm
            latencies = 1e3 * np.array(type_together(port, f"/v1/models/{model}/{route}", people, pace, seconds))
            p50, p99 = np.quantile(latencies, (0.5, 0.99))
            print(f"{route:<10}{people:>4} people, {pace:g} keys/s each: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        for clients in (1, people) if rounds else ():
            compare(server, model, clients, rounds, 2.0)


if __name__ == "__main__":
    main()
