"""Estimation: time and memory from a text file to a published 5-gram checkpoint, beside `lmplz`.

Takes the folder of corpora. Every figure is of a process of its own: reading, tokenizing, counting, estimating, laying
out, saving with fsync and reading back are timed; interpreter, imports and loading the compiled loops (by a text of a
few lines) are told apart. `lmplz`, where it is on PATH, goes from the same text to ARPA on /dev/null, and gets its
`<unk>` renamed. Both take turns, and the medians are compared, of the processor's seconds too, which a busy machine
does not blur.

How both grow is shown on wikitext-2 and books of the gutenberg folder, one after the other: 0.9 million tokens, and
twice, four and eight times as many; where the text is not enough, it begins again with the words of each line in
reverse order, which has other n-grams, though no new words.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import click

from models.checkpoint import save as checkpoint
from models.ngram.config import NgramConfig
from models.recipes.build import build
from models.recipes.recipe import Recipe
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

FILES = {"ptb": "ptb/ptb.train.txt", "wikitext-2": "wikitext-2/train.txt"}
STATED = {"ptb": 1.85, "wikitext-2": 4.72}
"""Seconds of `lmplz -o 5` on two quiet cores of this kind."""
TOKENS = 900_000
"""How many the smallest text has that shows growth."""


@dataclass(frozen=True)
class Cost:
    """Cost of a run."""

    seconds: float
    cpu_seconds: float
    peak: int
    """Bytes of memory, all of the process."""
    before: int = 0
    """The peak before the text was opened: interpreter, imports, loops."""
    start_seconds: float = 0.0
    """What these took."""


def publish(text: Path, order: int, folder: Path) -> None:
    """Text file to published checkpoint."""
    recipe = Recipe(
        "estimated",
        (text,),
        NgramConfig(order),
        TokenizerConfig(pretokenized=True),
        validation_fraction=0,
        empty_lines="drop",
    )
    built = run_to_completion(build(recipe))
    checkpoint.save(folder, recipe.name, built.model, built.tokenizer, built.provenance("benchmarks.speed.estimation"))


def measured(text: Path, order: int, threads: int, began: float) -> Cost:
    """Measure a run of ours in this process; `began` is when the process was started."""
    set_thread_count(threads)
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder, "few.txt")
        few.write_text("a few words\nto load the loops\n" * 9)
        publish(few, order, Path(folder))
        start, before = time.time() - began, _peak()
        wall, cpu = time.perf_counter(), time.process_time()
        publish(text, order, Path(folder))
        return Cost(time.perf_counter() - wall, time.process_time() - cpu, _peak(), before, start)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def ours(text: Path, order: int, threads: int) -> Cost:
    """Measure a run of ours in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measured, text, order, threads, time.time()).result()


def lmplz(program: str, text: Path, order: int) -> Cost:
    """Measure a run of `lmplz`, with less memory than its default, which costs it time to clear."""
    command = [program, "-o", str(order), "--text", str(text), "--arpa", "/dev/null", "-S", "1G"]
    cpu, wall = _children(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return Cost(time.perf_counter() - wall, _children() - cpu, 0)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def middle(costs: list[Cost], what: Callable[[Cost], float]) -> float:
    """Return the median of one figure."""
    return median(what(cost) for cost in costs)


def side_by_side(name: str, text: Path, order: int, threads: int, repeats: int) -> None:
    """Print what both take for one text, in turns."""
    program = shutil.which("lmplz")
    mine: list[Cost] = []
    theirs: list[Cost] = []
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as renamed:
        renamed.write(text.read_text(encoding="utf-8").replace("<unk>", "<UNK>"))
        renamed.flush()
        for _ in range(repeats):
            mine.append(ours(text, order, threads))
            if program:
                theirs.append(lmplz(program, Path(renamed.name), order))
    seconds, cpu = middle(mine, lambda c: c.seconds), middle(mine, lambda c: c.cpu_seconds)
    click.echo(f"{name}: text to checkpoint {seconds:.2f} s, {cpu:.2f} s of processor, {threads} threads")
    peak, before = (middle(mine, what) / 1e6 for what in (lambda c: c.peak, lambda c: c.before))
    click.echo(f"  peak {peak:.0f} MB, of which {before:.0f} MB before the text was opened")
    click.echo(f"  told apart: interpreter, imports and compiled loops {middle(mine, lambda c: c.start_seconds):.2f} s")
    if theirs:
        peer, peer_cpu = middle(theirs, lambda c: c.seconds), middle(theirs, lambda c: c.cpu_seconds)
        click.echo(f"  lmplz, text to ARPA {peer:.2f} s, {peer_cpu:.2f} s of processor")
        click.echo(f"  {peer / seconds:.2f} times as fast as lmplz, {peer_cpu / cpu:.2f} times by processor time")
    elif name in STATED:
        click.echo(f"  lmplz is not on PATH; it was measured on another day at {STATED[name]} s")
        click.echo(f"  {STATED[name] / seconds:.2f} times as fast as that figure")


def sentences(folder: Path) -> Iterator[str]:
    """Lines without end, first those of the corpora, then the same with their words in reverse order."""
    files = [folder / FILES["wikitext-2"], *sorted((folder / "gutenberg").glob("*.txt"))]
    texts = [line.split() for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.split()]
    click.echo(f"growth: {sum(map(len, texts)) + len(texts):,} tokens of distinct text, then reversed lines")
    for words in chain(texts, (words[::-1] for words in texts)):
        yield " ".join(words) + "\n"


def grow(folder: Path, order: int, threads: int, times: list[int]) -> None:
    """Print time and memory of growing texts."""
    lines = sentences(folder)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as text:
        tokens = 0
        for n in times:
            while tokens < n * TOKENS:
                line = next(lines)
                text.write(line)
                tokens += len(line.split()) + 1
            text.flush()
            cost = ours(Path(text.name), order, threads)
            each = (cost.peak - cost.before) / tokens
            click.echo(
                f"  {n} x: {tokens:>10,} tokens {cost.seconds:6.2f} s, {1e6 * cost.cpu_seconds / tokens:.2f} µs of "
                f"processor a token; peak {cost.peak / 1e6:5.0f} MB, {each:.0f} bytes a token above the start"
            )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--order", default=5, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--corpus", "names", type=click.Choice(sorted(FILES)), multiple=True, help="Only these.")
@click.option("--times", default="1,2,4,8", show_default=True, help="Sizes that show growth; empty for none.")
def main(folder: Path, order: int, threads: int, repeats: int, names: tuple[str, ...], times: str) -> None:
    """Estimate on the corpora under FOLDER."""
    for name in names or FILES:
        side_by_side(name, folder / FILES[name], order, threads, repeats)
    if times:
        grow(folder, order, threads, [int(n) for n in times.split(",")])


if __name__ == "__main__":
    main()
