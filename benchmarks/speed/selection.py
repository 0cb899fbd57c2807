"""Selection: tokens a second from compressed JSON lines to the records that are kept, beside KenLM called from Python.

TEXT is written as records of some of its lines each, compressed by Zstandard. Timed is processor time on one thread, in
turn: reading and parsing alone; `nextword select` with its blocks and its output; and the loop of a filter that parses
each record, splits it and calls KenLM's binding a line at a time, with the same model, which writes nothing.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import kenlm
import orjson

from benchmarks.speed.ngram import as_arpa
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.selection.config import SelectionConfig
from models.selection.measures import LanguageModelMeasure
from models.selection.selection import SelectionResult, select
from models.threads import set_thread_count
from models.utils.compression import create_compressed, open_decompressed
from models.utils.progress import run_to_completion


def write_records(lines: list[str], count: int, path: Path) -> None:
    """Write records of `count` lines each."""
    with create_compressed(path, ".zst") as file:
        for i in range(0, len(lines), count):
            record = {"id": i, "url": f"https://example.org/{i}", "text": "\n".join(lines[i : i + count])}
            file.write(json.dumps(record).encode() + b"\n")


def parse_all(path: Path) -> None:
    """Read and parse all records."""
    with open_decompressed(path) as file:
        for line in file:
            orjson.loads(line)


def score_by_kenlm(model: kenlm.Model, path: Path) -> None:
    """Score all records by KenLM's binding, a line at a time, as filters of web pages do."""
    with open_decompressed(path) as file:
        for line in file:
            record = json.loads(line)
            lines = record["text"].split("\n")
            tokens = sum(len(text.split()) + 1 for text in lines)
            record["perplexity"] = 10 ** (-sum(map(model.score, lines)) / tokens)


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("checkpoints", type=click.Path(exists=True, path_type=Path), default="checkpoints")
@click.option("--model", default="gutenberg-kn", show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(text: Path, checkpoints: Path, model: str, rounds: int) -> None:
    """Print millions of tokens a second of processor time, for records of one line of TEXT and of 25."""
    set_thread_count(1)
    checkpoint = load(resolve(checkpoints, model).path)
    config = SelectionConfig(lowest=30)
    measure = LanguageModelMeasure(checkpoint.language_model, checkpoint.tokenizer, config)
    checkpoint.model.warm_up()
    lines = [line.strip() for line in text.read_text(encoding="utf-8").splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        records, output, work = (Path(folder, name) for name in ("records.jsonl.zst", "kept.jsonl.zst", "work"))
        as_arpa(checkpoint.model, checkpoint.tokenizer, Path(folder, "model.arpa"))  # type: ignore[arg-type]
        peer = kenlm.Model(str(Path(folder, "model.arpa")))

        def run_select() -> SelectionResult:
            shutil.rmtree(work, ignore_errors=True)
            return run_to_completion(select([records], measure, config, output, work))

        for count in (1, 25):
            write_records(lines, count, records)
            tokens = run_select().token_count
            calls: dict[str, Callable[[], object]] = {
                "reading and parsing alone": lambda: parse_all(records),
                "nextword select": run_select,
                "KenLM called a line": lambda: score_by_kenlm(peer, records),
            }
            times: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(rounds):
                for name, call in calls.items():
                    began = time.process_time()
                    call()
                    times[name].append(time.process_time() - began)
            print(f"records of {count} lines, {tokens:,} tokens, {records.stat().st_size:,} bytes")
            for name, seconds in times.items():
                ratio = median(times["KenLM called a line"]) / median(seconds)
                print(f"  {name:<28}{tokens / median(seconds) / 1e6:>8.2f} million tokens/s {ratio:>6.1f} times KenLM")


if __name__ == "__main__":
    main()
