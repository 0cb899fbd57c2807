"""README: makes its tables and the answers of its calls anew, from the cards, the settings and a running service.

Run from the project's folder: python -m benchmarks.readme. It rewrites README.md; the shipped models must be there.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app.core.settings import Settings
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import CheckpointRef, list_checkpoints

README = Path("README.md")
CHECKPOINTS = Path("checkpoints")
UNITS = {"word": "words", "character": "characters", "bpe": "parts of words"}
CALL = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n.*?```", re.DOTALL)


def main() -> None:
    text = README.read_text(encoding="utf-8")
    text = between(text, "models", models())
    text = between(text, "settings", settings())
    with service() as address:
        text = CALL.sub(lambda call: answered(call["command"], address), text)
    README.write_text(text, encoding="utf-8")


def between(text: str, name: str, table: str) -> str:
    """`text` with `table` between the marks of that name."""
    return re.sub(
        rf"(<!-- {name}[^>]*-->\n).*?(<!-- /{name} -->)", lambda m: m[1] + table + m[2], text, flags=re.DOTALL
    )


def models() -> str:
    """What the cards say of the shipped models."""
    rows = [row(entry, Card.read(entry.path / CARD_FILE)) for entry in list_checkpoints(CHECKPOINTS)]
    head = (
        "| model | kind | vocabulary | parameters | size | perplexity | in int8 | bits a character "
        "| held-out tokens, unknown |\n"
    )
    return head + "|---|---|---|---|---|---|---|---|---|\n" + "".join(rows)


def row(entry: CheckpointRef, card: Card) -> str:
    """One model: the perplexity of each unit that its tokenizer has."""
    size = sum(path.stat().st_size for path in entry.path.iterdir())
    held_out = card.provenance.metrics["validation"]
    perplexity = ", ".join(f"{figures['perplexity']:.2f} ({unit})" for unit, figures in held_out.items())
    last = held_out["document"]
    int8 = card.provenance.metrics.get("int8", {}).get("document", {}).get("perplexity_increase")
    cells = (
        f"`{entry.name}`",
        card.kind,
        f"{card.vocabulary_size:,} {UNITS[card.tokenizer['kind']]}",
        f"{card.parameters:,}",
        f"{size / 1e6:.1f} MB",
        perplexity,
        "" if int8 is None else f"{int8:+.2%}",
        f"{last['bits_per_character']:.3f}",
        f"{last['token_count']:,}, {last['oov_count']:,}",
    )
    return f"| {' | '.join(cells)} |\n"


def settings() -> str:
    """Every setting with its default."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `NEXTWORD_{name.upper()}` | {default} | {field.description} |\n")
    return "| variable | default | |\n|---|---|---|\n" + "".join(rows)


def answered(command: str, address: str) -> str:
    """The block of one call with its real answer; raises where the call fails."""
    run = subprocess.run(
        ["bash", "-c", command.replace("localhost:8000", address)], capture_output=True, text=True, check=True
    )
    answer = run.stdout.replace(address, "localhost:8000").strip()
    return f"```console\n$ {command}\n{answer}\n```"


@contextmanager
def service() -> Iterator[str]:
    """Address of a service with the shipped models, all loaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port), "--no-worker"]
        command += ["--checkpoints", str(CHECKPOINTS), "--data", data]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait(address)
            yield address
        finally:
            server.terminate()
            server.wait()


def wait(address: str) -> None:
    """Return once all models are loaded."""
    for _ in range(600):
        try:
            with urlopen(f"http://{address}/health/ready") as answer:
                if json.load(answer)["status"] == "ready":
                    return
        except URLError:  # not listening yet, or not ready
            pass
        time.sleep(0.2)
    raise TimeoutError("the service is not ready after two minutes")


if __name__ == "__main__":
    main()
