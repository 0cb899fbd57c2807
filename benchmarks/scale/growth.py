"""Growth: time, memory and disk of 5-grams of ever larger texts within a budget, beside `lmplz -S`.

Texts come from `benchmarks.scale.text`. Each run is a process of its own: `nextword train --memory`, from the text to a
published checkpoint, and `lmplz`, where it is on PATH, from the same text to ARPA on /dev/null. With `--confined` ours
runs in a control group that has no more memory than the budget (for root). A check beforehand stops where the disk is
too small. Load time, size, the latency of the next word and the perplexity of text that was held out are told of each
model; that of `lmplz` up to `--perplexity` tokens, by way of `build_binary` and the package `kenlm`.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from app.core.container_limits import parse_memory_size
from benchmarks.scale._processes import ProgramCost, run_program
from benchmarks.scale.text import DEFAULT_MODEL, TextGenerator
from benchmarks.speed._timing import seconds as median_seconds
from models.checkpoint.load import load

ORDER = 5
HELD_OUT_TOKENS = 200_000
TEXT_BYTES_PER_TOKEN = 5
SCRATCH_BYTES_PER_TOKEN = 90
"""Disk for counts of blocks, merged ones, and probabilities; what `lmplz` sorts in is less."""
MODEL_BYTES_PER_TOKEN = 20


def disk_needed(tokens: int) -> int:
    """Return the bytes of disk that a text of so many tokens needs."""
    return tokens * (TEXT_BYTES_PER_TOKEN + SCRATCH_BYTES_PER_TOKEN + MODEL_BYTES_PER_TOKEN)


def check_disk(folder: Path, tokens: int) -> None:
    """Raise ClickException where the disk is too small."""
    needed, free = disk_needed(tokens), shutil.disk_usage(folder).free
    if needed > free:
        raise click.ClickException(
            f"{tokens:,} tokens need {needed / 1e9:.0f} GB of disk in {folder}, which has {free / 1e9:.0f} GB"
        )


def train(text: Path, folder: Path, memory: int | None, threads: int, confined: bool = False) -> ProgramCost:
    """Make a model of `text` within `memory` bytes, None for no limit."""
    command = [sys.executable, "-m", "app.cli.main", "train", str(text), "--name", "grown"]
    command += [] if memory is None else ["--memory", str(memory)]
    command += ["--order", str(ORDER), "--pretokenized", "--empty-lines", "drop", "--validation-fraction", "0"]
    command += ["--threads", str(threads), "--checkpoints", str(folder / "models"), "--workdir", str(folder), "--quiet"]
    return run_program(command, folder, memory if confined else None)


def describe(model: Path, held_out: Path) -> tuple[str, float]:
    """Return what there is to tell of a model, and its perplexity of a text."""
    began = time.perf_counter()
    checkpoint = load(model)
    language_model, tokenizer = checkpoint.language_model, checkpoint.tokenizer
    language_model.warm_up()  # as a server does before it says that it is ready
    loading = time.perf_counter() - began
    ids = tokenizer.encode(held_out.read_text(encoding="utf-8")).ids
    scores, _ = language_model.score(language_model.begin_state(1), ids[None].astype(np.int64))
    perplexity = math.exp(-float(scores.mean(dtype=np.float64)))
    state = language_model.advance(language_model.begin_state(1), ids[None, :20].astype(np.int64))
    latency = median_seconds(lambda: language_model.topk(state, 10), 101)
    size = sum(file.stat().st_size for file in model.iterdir())
    told = f"{tokenizer.vocabulary_size:,} words, {size / 1e6:.0f} MB, loaded and warm in {loading:.1f} s"
    return f"{told}, ten next words in {1e6 * latency:.0f} µs, perplexity {perplexity:.4f}", perplexity


def lmplz(program: str, text: Path, folder: Path, memory: int, arpa: str = "/dev/null") -> ProgramCost:
    """Run `lmplz` with a budget of so many bytes."""
    command = [program, "-o", str(ORDER), "-S", f"{memory}b", "-T", str(folder), "--text", str(text), "--arpa", arpa]
    return run_program(command, folder)


def peer_perplexity(arpa: Path, builder: str, held_out: Path) -> float:
    """Return the perplexity of a text by KenLM's own query of an ARPA file."""
    import kenlm

    subprocess.run([builder, "trie", str(arpa), str(arpa) + ".bin"], check=True, capture_output=True)
    model, total, tokens = kenlm.Model(str(arpa) + ".bin"), 0.0, 0
    for line in held_out.read_text(encoding="utf-8").splitlines():
        total += model.score(line)
        tokens += len(line.split()) + 1
    return float(10 ** (-total / tokens))


def report(name: str, tokens: int, cost: ProgramCost) -> None:
    """Print the cost of a run."""
    click.echo(
        f"  {name:>8}: {cost.seconds:6.0f} s, {1e6 * cost.cpu_seconds / tokens:.2f} µs of processor a token; peak "
        f"{cost.peak / 2**20:.0f} MiB, {cost.anonymous / 2**20:.0f} MiB in no file; disk {cost.disk / 1e9:.1f} GB"
    )


@click.command()
@click.option("--tokens", "sizes", default="20,60", show_default=True, help="Millions of tokens, with commas.")
@click.option("--memory", default="1G", show_default=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Place for all files.")
@click.option("--threads", default=1, show_default=True)
@click.option("--confined", is_flag=True, help="Give ours no more than the budget, by a control group.")
@click.option("--perplexity", default=0, show_default=True, help="Most millions of tokens for lmplz's perplexity.")
def main(sizes: str, memory: str, folder: Path | None, threads: int, confined: bool, perplexity: int) -> None:
    """Make models of growing texts."""
    budget, program, builder = parse_memory_size(memory), shutil.which("lmplz"), shutil.which("build_binary")
    counts = [round(float(size) * 1e6) for size in sizes.split(",")]
    for tokens in counts:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            work, text = Path(name), Path(name, "text")
            check_disk(work, tokens)
            generator = TextGenerator(DEFAULT_MODEL, tokens + HELD_OUT_TOKENS)
            generator.write(text, tokens)
            generator.write(work / "heldout", HELD_OUT_TOKENS)
            del generator
            click.echo(f"{tokens:,} tokens, {text.stat().st_size / 1e6:.0f} MB, within {budget / 2**20:.0f} MiB")
            report("nextword", tokens, train(text, work, budget, threads, confined))
            told, ours = describe(work / "models/grown/1", work / "heldout")
            click.echo(f"            {told}")
            if program:
                wanted = builder is not None and tokens <= perplexity * 1e6
                arpa = str(work / "arpa") if wanted else "/dev/null"
                report("lmplz", tokens, lmplz(program, text, work, budget, arpa))
                if wanted and builder:
                    theirs = peer_perplexity(Path(arpa), builder, work / "heldout")
                    click.echo(f"            perplexity {theirs:.4f}, {abs(ours - theirs) / theirs:.1e} from ours")


if __name__ == "__main__":
    main()
