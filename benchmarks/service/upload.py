"""Perplexity of a large `text/plain` body over HTTP, beside `nextword evaluate` of the same text.

The text is FILE again and again; figures are tokens a second. Both score it in turn and have to agree; the command's
time is what the text takes over one line of it, so that neither its imports nor loading the model count. Beside the
clock stands the processor time, which a busy machine does not blur.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

import click

from app.cli.commands.evaluate import command
from benchmarks.service._servers import cpu_seconds, nextword
from benchmarks.service.latency import Client

Figures = tuple[dict[str, Any], float, float]
"""What is said of a text, and how many seconds that took by the clock and of the processor."""


def evaluated(checkpoints: Path, model: str, unit: str, file: Path) -> Figures:
    """Evaluate a text by the command, in this process."""
    arguments = [model, str(file), "--unit", unit, "--checkpoints", str(checkpoints), "--quiet", "--json"]
    with redirect_stdout(StringIO()) as output:
        clock, processor = timed(lambda: command.main(arguments, standalone_mode=False), time.process_time)
    return json.loads(output.getvalue()), clock, processor


def timed(work: Callable[[], object], processor: Callable[[], float]) -> tuple[float, float]:
    """Seconds that `work` takes by the clock, and by what counts the processor's."""
    began, used = time.perf_counter(), processor()
    work()
    return time.perf_counter() - began, processor() - used


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.argument("checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="gutenberg-kn")
@click.option("--unit", default="lines")
@click.option("--megabytes", default=30.0, help="How large the text is.")
@click.option("--rounds", default=3, help="How often, in turn.")
def main(file: Path, checkpoints: Path, model: str, unit: str, megabytes: float, rounds: int) -> None:
    """Score the text of FILE with MODEL both ways."""
    line = file.read_bytes().partition(b"\n")[0] + b"\n"
    text = file.read_bytes() * max(1, round(megabytes * 1e6 / file.stat().st_size))
    with nextword(checkpoints, log_level="warning") as server, tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large.txt"), Path(folder, "small.txt")
        large.write_bytes(text)
        small.write_bytes(line)
        port, path = server.port, f"/v1/models/{model}/perplexity?unit={unit}"  # type: ignore[attr-defined]
        used = partial(cpu_seconds, server)
        Client(port).ask("POST", path, line, "text/plain")
        evaluated(checkpoints, model, unit, small)
        sides: list[tuple[float, float, float, float]] = []
        for _ in range(rounds):
            answers: list[bytes] = []
            client = Client(port)  # the server may have closed a connection that was idle while the command ran
            clock, processor = timed(lambda: answers.append(client.ask("POST", path, text, "text/plain")), used)  # noqa: B023
            figures, whole, whole_processor = evaluated(checkpoints, model, unit, large)
            _, start, start_processor = evaluated(checkpoints, model, unit, small)
            sides.append((clock, processor, whole - start, whole_processor - start_processor))
            answer = json.loads(answers[0])
            assert answer["token_count"] == figures["token_count"]
            assert math.isclose(answer["perplexity"], figures["perplexity"], rel_tol=1e-6)
    clock, processor, command_clock, command_processor = map(median, zip(*sides, strict=True))
    tokens = figures["token_count"]
    print(f"{model}, {len(text) / 1e6:.1f} MB, {tokens} tokens, perplexity {figures['perplexity']:.2f}")
    print(f"{'tokens a second':<20}{'clock':>12}{'processor':>12}")
    print(f"{'over HTTP':<20}{tokens / clock:>12.0f}{tokens / processor:>12.0f}")
    print(f"{'nextword evaluate':<20}{tokens / command_clock:>12.0f}{tokens / command_processor:>12.0f}")
    print(f"{'ratio':<20}{command_clock / clock:>12.2f}{command_processor / processor:>12.2f}")


if __name__ == "__main__":
    main()
