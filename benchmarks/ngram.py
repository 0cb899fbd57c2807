"""N-grams: speed of estimation and scoring, latency of a next-word distribution, size; KenLM's query beside ours.

Takes a text to learn from and one to score, one line a sentence, tokens between blanks. Times are medians of
several, as other work on the machine can only add to them. KenLM is asked through its Python binding, for the same
model by way of ARPA; `lmplz` on PATH is timed on the same text as well.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import kenlm
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks._timing import seconds
from models import arpa
from models.corpus import Corpus
from models.ngram import NgramConfig, NgramModel
from models.smoothing import estimate
from models.tokenizer import Tokenizer, TokenizerConfig

CONTEXTS = 200
"""How many contexts of the scored text are asked for what comes next."""


def say(what: str, value: float, unit: str) -> None:
    """Print one figure."""
    click.echo(f"{what:<48}{value:>14,.3f} {unit}")


def states(model: NgramModel, ids: NDArray[np.int32]) -> list[Tensor]:
    """States met in the text, evenly spread."""
    ends = np.linspace(1, len(ids), CONTEXTS, dtype=int)
    rows = [torch.from_numpy(ids[max(0, end - 20) : end].astype(np.int64))[None] for end in ends]
    return [model.advance(model.start(1), row) for row in rows]


def per_state(ask: Callable[[Tensor], object], asked: list[Tensor], repeats: int) -> float:
    """Mean over `asked` of the median time, in microseconds."""
    return 1e6 * float(np.mean([seconds(lambda state=state: ask(state), repeats) for state in asked]))  # type: ignore[misc]


def time_estimation(text: Path, config: NgramConfig, ids: NDArray[np.int32], size: int, repeats: int) -> None:
    """Ids to a table, and `lmplz` from text to ARPA where it is to be had."""
    taken = seconds(lambda: estimate(config, ids, size), repeats)
    say("estimation, ids to table", taken, "s")
    say("", len(ids) / taken / 1e6, "million tokens/s")
    say("peak memory of this process so far", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")
    lmplz = shutil.which("lmplz")
    if lmplz is None or any(config.prune):
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # lmplz refuses <unk> in a text
        file.write(text.read_text(encoding="utf-8").replace("<unk>", "<UNK>"))
        file.flush()
        command = [lmplz, "-o", str(config.order), "--text", file.name, "--arpa", "/dev/null"]
        say("lmplz, text to ARPA", seconds(lambda: subprocess.run(command, check=True, capture_output=True), 1), "s")


def time_scoring(model: NgramModel, tokenizer: Tokenizer, text: str, repeats: int) -> None:
    """Ids and raw text, on one thread and on two."""
    ids = tokenizer.encode(text).ids
    alone = seconds(lambda: model.score_ids(model.start(1), ids), repeats)
    say("scoring ids, one thread", len(ids) / alone / 1e6, "million tokens/s")
    with ThreadPoolExecutor(2) as pool:
        both = seconds(lambda: list(pool.map(lambda _: model.score_ids(model.start(1), ids), range(2))), repeats)
    say("scoring ids, two threads", 2 * len(ids) / both / 1e6, "million tokens/s")
    raw = seconds(lambda: model.score_ids(model.start(1), tokenizer.encode(text).ids), repeats)
    say("scoring raw text, one thread", len(ids) / raw / 1e6, "million tokens/s")


def time_kenlm(model: NgramModel, tokenizer: Tokenizer, text: str, repeats: int) -> None:
    """The same model and text in KenLM's binding (probing)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        with path.open("w", encoding="utf-8") as file:
            arpa.write(model.tables, tokenizer.vocabulary, file)
        peer = kenlm.Model(str(path))
    lines = text.splitlines()
    taken = seconds(lambda: [peer.score(line) for line in lines], repeats)
    say("KenLM's binding, raw text, one thread", len(tokenizer.encode(text).ids) / taken / 1e6, "million tokens/s")
    begin, after = kenlm.State(), kenlm.State()
    peer.BeginSentenceWrite(begin)
    row = seconds(lambda: [peer.BaseScore(begin, word, after) for word in tokenizer.vocabulary], repeats)
    say("KenLM's binding, next word by enumeration", 1e6 * row, "µs")


def time_next_word(model: NgramModel, ids: NDArray[np.int32], repeats: int) -> None:
    """The whole distribution, the best words, and reading one word."""
    asked, word = states(model, ids), torch.tensor([[2]])
    say("next word, whole distribution", per_state(model.logprobs, asked, repeats), "µs")
    say("next word, best 10", per_state(lambda state: model.topk(state, 10), asked, repeats), "µs")
    say("reading one word", per_state(lambda state: model.advance(state, word), asked, repeats), "µs")


@click.command()
@click.argument("training", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("scored", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--order", default=5, show_default=True)
@click.option("--prune", default="0", show_default=True, help="Count cut-offs by order, as in lmplz, with commas.")
@click.option("--repeats", default=5, show_default=True)
def main(training: Path, scored: Path, order: int, prune: str, repeats: int) -> None:
    """Learn from TRAINING, score SCORED."""
    torch.set_num_threads(1)
    config = NgramConfig(order, prune=tuple(int(t) for t in prune.split(",")))
    corpus = Corpus.open(training, empty_lines="drop")
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), corpus.chunks())
    ids = corpus.encode(tokenizer).ids
    text = "".join(Corpus.open(scored, empty_lines="drop").chunks())
    click.echo(f"{training.name}: {len(ids):,} tokens, {tokenizer.size:,} words; order {order}, prune {prune}")
    time_estimation(training, config, ids, tokenizer.size, repeats)
    model = NgramModel(config, estimate(config, ids, tokenizer.size))
    say("size of the table", sum(array.nbytes for array in model.tables.arrays().values()) / 1e6, "MB")
    arrays = model.tables.arrays()
    checked = seconds(lambda: model.tables.from_arrays(arrays, order, tokenizer.size, {}), repeats)
    say("checking a table when it is loaded", 1e3 * checked, "ms")
    held_out = tokenizer.encode(text).ids
    scores = model.score_ids(model.start(1), held_out)[0].astype(np.float64)
    say("perplexity", float(np.exp(-scores.mean())), "")
    time_scoring(model, tokenizer, text, repeats)
    time_next_word(model, held_out, repeats)
    time_kenlm(model, tokenizer, text, repeats)


if __name__ == "__main__":
    main()
