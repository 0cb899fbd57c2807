"""Processor time of a request without a line of the log, with one, and with traces.

Starts a service for each on the folder of checkpoints and asks them in turn, so that a busy machine burdens all alike.
Traces go to a collector of this program, which takes them in and drops them.
"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from statistics import median

import click

from benchmarks.service._load import load
from benchmarks.service._servers import cpu_seconds, nextword


class _Sink(BaseHTTPRequestHandler):
    """Collector that accepts everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@click.command()
@click.argument("checkpoints", type=click.Path(exists=True, path_type=Path), default="checkpoints")
@click.option("--model", default="gutenberg-kn", show_default=True)
@click.option("--clients", default=4, show_default=True)
@click.option("--rounds", default=9, show_default=True)
@click.option("--seconds", default=2.0, show_default=True)
def main(checkpoints: Path, model: str, clients: int, rounds: int, seconds: float) -> None:
    """Print the median processor time of a request to `next`, in microseconds, of each service."""
    sink = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    variants: dict[str, dict[str, object]] = {
        "no lines": {"log_level": "warning"},
        "lines in JSON": {"log_format": "json"},
        "lines in text": {"log_format": "text"},
        "traces, no lines": {"log_level": "warning", "otlp_endpoint": f"http://127.0.0.1:{sink.server_port}"},
    }
    body = json.dumps({"context": "it was the best of"}).encode()
    costs: dict[str, list[float]] = {name: [] for name in variants}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(nextword(checkpoints, **more)) for name, more in variants.items()}
        for _ in range(rounds):
            for name, server in servers.items():
                before = cpu_seconds(server)
                asked = load(server.port, f"/v1/models/{model}/next", repeat(body), clients, seconds)  # type: ignore[attr-defined]
                costs[name].append(1e6 * (cpu_seconds(server) - before) / len(asked.latencies))
    for name, times in costs.items():
        print(f"{name:<20}{median(times):>8.0f} us{median(times) - median(costs['no lines']):>+8.0f}")


if __name__ == "__main__":
    main()
