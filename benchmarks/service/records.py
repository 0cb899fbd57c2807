"""Records: perplexity of NDJSON beside that of the same lines as plain text.

Starts the service and sends the same lines of a text in turns, as records `{"text": ...}` and as plain text. Tells the
server's processor time for each line. With `--before` the same is measured, in turns, of another checkout.
"""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from subprocess import Popen

import click

from benchmarks.service._servers import cpu_seconds, nextword


def post(port: int, model: str, body: bytes, kind: str) -> bytes:
    """Return the whole answer to a body. Raises RuntimeError for a refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", f"/v1/models/{model}/perplexity", body, {"content-type": kind})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(content.decode())
    return content


def cost(process: Popen[bytes], model: str, body: bytes, kind: str, lines: int) -> float:
    """Return the server's processor time for a line, in seconds."""
    before = cpu_seconds(process)
    answer = post(process.port, model, body, kind)  # type: ignore[attr-defined]
    if kind.endswith("ndjson") and answer.count(b"\n") != lines:
        raise RuntimeError("a record has no answer")
    return (cpu_seconds(process) - before) / lines


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("checkpoints", type=click.Path(exists=True, path_type=Path), default="checkpoints")
@click.option("--model", default="gutenberg-kn", show_default=True)
@click.option("--lines", default=20_000, show_default=True, help="Lines of the text that are sent, at most.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--before", type=click.Path(exists=True, path_type=Path), help="Another checkout, measured beside this.")
def main(text: Path, checkpoints: Path, model: str, lines: int, rounds: int, before: Path | None) -> None:
    """Print the median processor time of a line in microseconds, as record and in plain text."""
    chosen = [line for line in text.read_text(encoding="utf-8").splitlines() if line.strip()][:lines]
    bodies = {
        "text/plain": "\n".join(chosen).encode(),
        "application/x-ndjson": "\n".join(
            json.dumps({"id": i, "text": line}) for i, line in enumerate(chosen)
        ).encode(),
    }
    checkouts = {"this": Path(__file__).parents[2], **({"before": before} if before else {})}
    costs: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(nextword(checkpoints, code, log_level="warning"))
            for name, code in checkouts.items()
        }
        for _ in range(rounds):
            for kind, body in bodies.items():
                for name, process in servers.items():
                    costs.setdefault((name, kind), []).append(cost(process, model, body, kind, len(chosen)))
    for (name, kind), seconds in costs.items():
        times = median(seconds) / median(costs[name, "text/plain"])
        print(f"{name:<8}{kind:<22}{1e6 * median(seconds):>8.1f} us a line{times:>8.1f} times plain text")


if __name__ == "__main__":
    main()
