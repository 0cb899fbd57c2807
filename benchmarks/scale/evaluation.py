"""Evaluation: time and memory of the perplexity of a text, as a command, beside KenLM's package.

Takes the folder of published models, an n-gram model of words in it, and a text. KenLM reads the same model, exported
as ARPA and packed by its `build_binary` as a trie, where that program is on the path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.scale._processes import run_program
from models.checkpoint.repository import resolve

_PEER = """
import sys, kenlm
model = kenlm.Model(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    print(sum(model.score(line) for line in file))
"""


def report(name: str, command: list[str], model: Path, folder: Path) -> None:
    """Run a command and print what it cost, beside the size of its model."""
    cost = run_program(command, folder)
    click.echo(
        f"{name:>8}: model of {model.stat().st_size / 1e6:.0f} MB, {cost.cpu_seconds:.1f} s of processor; peak "
        f"{cost.peak / 1e6:.0f} MB, {cost.anonymous / 1e6:.0f} MB in no file"
    )


def pack_for_peer(builder: str, nextword: list[str], model: str, root: Path, folder: Path) -> Path:
    """Return a model in the format of KenLM's trie."""
    arpa, packed = folder / "model.arpa", folder / "model.trie"
    subprocess.run([*nextword, "export", model, str(arpa), "--checkpoints", str(root)], check=True)
    subprocess.run([builder, "trie", str(arpa), str(packed)], check=True, capture_output=True)
    arpa.unlink()
    return packed


@click.command()
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("model")
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Place for KenLM's files.")
def main(root: Path, model: str, text: Path, folder: Path | None) -> None:
    """Evaluate MODEL, of the models in ROOT, on TEXT."""
    os.environ["OMP_NUM_THREADS"] = "1"
    nextword = [sys.executable, "-m", "app.cli.main"]
    weights = resolve(root, model).path / "weights.safetensors"
    with tempfile.TemporaryDirectory(dir=folder) as name:
        command = [*nextword, "evaluate", model, str(text), "--checkpoints", str(root), "--threads", "1", "--quiet"]
        report("nextword", command, weights, Path(name))
        if builder := shutil.which("build_binary"):
            packed = pack_for_peer(builder, nextword, model, root, Path(name))
            report("kenlm", [sys.executable, "-c", _PEER, str(packed), str(text)], packed, Path(name))


if __name__ == "__main__":
    main()
