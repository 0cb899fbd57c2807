"""Memory: time and peak memory of counting n-grams within several budgets and without one.

Takes the folder of corpora; counts order 5 on wikitext-2 and the books of the gutenberg folder. Counts that do not fit
a budget, which is that of the whole process, are on disk. Each line is a process of its own; memory that lies in no
file is told apart, with what counting adds to it. A digest shows that the counts are the same.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click

from models.data.corpus import Corpus
from models.ngram.counting.counter import NgramCounter
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

ORDER = 5


def anonymous() -> int:
    """Bytes of memory of this process that stand in no file."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) * 1024


class Peak:
    """The most that was held while it was watched, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.bytes, self._over = 0, threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self) -> Peak:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.002):
            self.bytes = max(self.bytes, anonymous())


def counted(files: list[Path], memory: int | None, threads: int) -> tuple[int, float, int, str]:
    """Tokens, seconds, growth in bytes, and a digest of the counts."""
    set_thread_count(threads)
    with tempfile.TemporaryDirectory() as folder:
        counter = NgramCounter.create(memory, Path(folder))
        few = Path(folder, "few.txt")
        few.write_text("a few words\nto load the loops\n" * 9)
        tokenizer = Tokenizer.train(TokenizerConfig(), Corpus.open(files).chunks())
        warm = Corpus.open(few).encode(tokenizer, counter.scratch)
        counter.add(*[counter.count(warm.ids, ORDER, tokenizer.vocabulary_size)] * 2)
        before, began = anonymous(), time.perf_counter()
        with Peak() as peak:
            text = Corpus.open(files).encode(tokenizer, counter.scratch)
            counts = counter.count(text.ids, ORDER, tokenizer.vocabulary_size)
        seconds, digest = time.perf_counter() - began, hashlib.sha256()
        for level in counts.levels:
            for array in (level.child_offsets, level.token, level.suffix, level.count):
                digest.update(array)
        return len(text.ids), seconds, peak.bytes - before, digest.hexdigest()[:12]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--budgets", default="320,384,512", show_default=True, help="MiB, with commas.")
@click.option("--threads", default=2, show_default=True)
def main(folder: Path, budgets: str, threads: int) -> None:
    """Count the corpora under FOLDER."""
    files = [folder / "wikitext-2" / "train.txt", *sorted((folder / "gutenberg").glob("*.txt"))]
    for budget in [None, *(int(b) << 20 for b in budgets.split(","))]:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            tokens, seconds, growth, digest = pool.submit(counted, files, budget, threads).result()
        said = "no budget" if budget is None else f"{budget >> 20} MiB"
        click.echo(f"{said:>10}: {tokens:,} tokens, {seconds:6.2f} s, {growth / 2**20:6.0f} MiB more; counts {digest}")


if __name__ == "__main__":
    main()
