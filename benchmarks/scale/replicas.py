"""Servers behind HAProxy: cost of the proxy, gain of three on one machine, warmth of prefix caches.

Starts three servers of a folder of checkpoints on loopback, on one PostgreSQL, with `deploy/haproxy.cfg` before them.
Prints requests a second of one server asked directly, of one behind HAProxy and of three, with the processor time a
request; then how much of growing prompts was read before where their beginning chooses the server, and where the server
changes; then what an idle server asks of the database. Needs HAProxy and PostgreSQL.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any

import click
import psycopg

from benchmarks.scale._replicas import MOST, Replicas, haproxy
from benchmarks.service._load import load
from benchmarks.service._servers import cpu_seconds
from tests.helpers.databases import binaries, postgresql_server
from tests.helpers.serving import metrics

WORDS = tuple("it was the best of times and it was the worst of times in the season of light".split())  # noqa: SIM905
CONVERSATIONS, TURNS = 12, 12
IDLE_SECONDS = 20.0
DATABASE_QUERY = b"""
    SELECT xact_commit + xact_rollback, numbackends FROM pg_stat_database WHERE datname = current_database()
"""


def prompts(length: int) -> Iterator[str]:
    """Yield texts of so many words whose beginnings differ."""
    for number in count():
        yield " ".join(WORDS[(number * 7 + place * (1 + number % 5)) % len(WORDS)] for place in range(length))


def bodies(field: str, length: int, **more: Any) -> Iterator[bytes]:
    """Yield bodies of 64 prompts, again and again."""
    texts = prompts(length)
    return cycle([json.dumps({field: next(texts), **more}).encode() for _ in range(64)])


def compare(replicas: Replicas, proxy: subprocess.Popen[bytes], path: str, asked: Iterator[bytes], what: str) -> None:
    """Print the rates of one server asked directly, and of what is behind HAProxy."""
    for label, port in (
        ("directly", replicas.ports[0]),
        (f"{len(replicas.processes)} behind HAProxy", proxy_port(proxy)),
    ):
        servers, before = list(replicas.processes.values()), cpu_seconds(proxy)
        servers_before = sum(map(cpu_seconds, servers))
        for clients in (1, 16):
            measured = load(port, path, asked, clients, 1.0)
            before, servers_before = cpu_seconds(proxy), sum(map(cpu_seconds, servers))
            measured = load(port, path, asked, clients, 5.0)
            answers = len(measured.latencies)
            cost = 1e6 * (sum(map(cpu_seconds, servers)) - servers_before) / answers
            extra = 1e6 * (cpu_seconds(proxy) - before) / answers
            print(
                f"{what:<12}{label:<18}{clients:>8}{measured.rate(1):>10.0f}{1e3 * measured.p50:>9.2f}"
                f"{1e3 * measured.p99:>9.2f}{cost:>12.0f}{extra:>12.0f}",
                flush=True,
            )


def proxy_port(proxy: subprocess.Popen[bytes]) -> int:
    """Return where HAProxy listens."""
    return int(proxy.port)  # type: ignore[attr-defined]


def converse(port: int, model: str, changing: bool) -> float:
    """Let prompts grow by eight words a turn and ask for one token each; return the seconds it took.

    Where `changing`, each request names another `x-affinity`, as if servers took turns.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    texts, began, marks = prompts(8 * (TURNS + 6)), time.perf_counter(), count()
    words = [f"{'again' if changing else 'once'} {number} {next(texts)}".split() for number in range(CONVERSATIONS)]
    for turn in range(TURNS):
        for text in words:
            body = json.dumps({"prompt": " ".join(text[: 8 * (turn + 6)]), "max_tokens": 1, "temperature": 0})
            headers = {"content-type": "application/json"} | ({"x-affinity": str(next(marks))} if changing else {})
            connection.request("POST", f"/v1/models/{model}/generate", body, headers)
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(response.read().decode())
            response.read()
    connection.close()
    return time.perf_counter() - began


def tokens_read(replicas: Replicas) -> tuple[float, float]:
    """Return the tokens of prompts that all servers were asked to read, and how many they had read before."""
    told = [metrics(f"http://127.0.0.1:{port}") for port in replicas.ports]
    names = ("nextword_tokens_total prompt", "nextword_prefix_cache_cached_tokens_total")
    asked, cached = (
        sum(value for each in told for key, value in each.items() if key.startswith(name)) for name in names
    )
    return asked, cached


def print_warmth(replicas: Replicas, port: int, model: str) -> None:
    """Print how much of growing prompts was read before, by the way that servers are chosen."""
    print(f"\n{'growing prompts go':<32}{'seconds':>9}{'read before':>13}")
    for label, changing in (("to the server of their beginning", False), ("to another server each time", True)):
        before = tokens_read(replicas)
        seconds = converse(port, model, changing)
        asked, cached = (now - then for now, then in zip(tokens_read(replicas), before, strict=True))
        print(f"{label:<32}{seconds:>9.2f}{cached / asked:>12.0%}", flush=True)


def print_idle(replicas: Replicas, url: str) -> None:
    """Print what idle servers cost, and what they ask of the database."""
    servers, numbers = list(replicas.processes.values()), []
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for pause in (2.0, IDLE_SECONDS):
            time.sleep(pause)
            transactions, connections = connection.execute(DATABASE_QUERY).fetchone() or (0, 0)
            numbers.append((time.monotonic(), int(transactions), sum(map(cpu_seconds, servers))))
    (began, before, cpu_before), (ended, after, cpu) = numbers
    seconds = (ended - began) * len(servers)
    print(
        f"\nidle server: {(after - before - 1) / seconds:.1f} transactions a second, "
        f"{(connections - 1) / len(servers):.1f} connections, {(cpu - cpu_before) / seconds:.2%} of a core"
    )


@click.command()
@click.argument("checkpoints", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--ngram", default="gutenberg-kn", help="Model of `next`. [default: gutenberg-kn]")
@click.option("--recurrent", default="gutenberg-lstm", help="Model of `generate`. [default: gutenberg-lstm]")
def main(checkpoints: Path, ngram: str, recurrent: str) -> None:
    """Compare one server with three behind HAProxy."""
    if binaries() is None:
        raise click.ClickException("PostgreSQL is not installed (apt-get install postgresql)")
    with postgresql_server() as database, tempfile.TemporaryDirectory() as data:
        url = database.create()
        replicas = Replicas(checkpoints, Path(data), url)
        print(f"{'':<30}{'clients':>8}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'server us':>12}{'HAProxy us':>12}")
        for servers in (1, MOST):
            with replicas.running(servers), haproxy(replicas.ports) as proxy:
                compare(replicas, proxy, f"/v1/models/{ngram}/next", bodies("context", 4), "next")
                short = bodies("prompt", 6, max_tokens=20, ignore_end=True)
                compare(replicas, proxy, f"/v1/models/{recurrent}/generate", short, "generate 20")
                if servers == MOST:
                    print_warmth(replicas, proxy_port(proxy), recurrent)
                    print_idle(replicas, url)


if __name__ == "__main__":
    main()
