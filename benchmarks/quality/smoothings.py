"""Smoothings: perplexity of each by order on held-out text, and how sparse n-grams are.

Takes the folder of corpora. Learns on the training text of ptb (wikitext-2, gutenberg) and measures on its validation
text, each line on its own, empty lines dropped; a token of probability zero makes the perplexity infinite. Sparsity: of
the validation text's n-grams the share that the training text does not have, of different ones and of all; of its
tokens those whose context was seen though the n-gram was not (relative frequencies are zero), those whose context was
not (they are undefined), and those that get nothing even where a shorter context stands in for an undefined one.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import click
import numpy as np
from numpy.typing import NDArray

from models.data.corpus import Corpus
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.tokenization.config import TokenizerConfig

FILES = {
    "ptb": ("ptb.train.txt", "ptb.valid.txt"),
    "wikitext-2": ("train.txt", "valid.txt"),
    "gutenberg": ("*.txt", "chesterton-thursday.txt"),
}
"""Training texts (a pattern, without the other file) and validation text of each corpus."""
MAX_VOCABULARY = {"gutenberg": 10_000}
"""Largest vocabulary of a text in which no word is `<unk>` yet."""
Ids = NDArray[np.int32]


def texts(folder: Path, name: str) -> tuple[Ids, Ids, int]:
    """Ids of both texts, and how many words there are."""
    pattern, held_out = FILES[name]
    files = [path for path in sorted((folder / name).glob(pattern)) if path.name != held_out]
    training, validation = (Corpus.open(text, empty_lines="drop") for text in (files, folder / name / held_out))
    config = TokenizerConfig(pretokenized=True, max_size=MAX_VOCABULARY.get(name))
    tokenizer, encoded = training.train_tokenizer(config)
    return encoded.ids, validation.encode(tokenizer).ids, tokenizer.vocabulary_size


def model_of(config: NgramConfig, ids: Ids, size: int) -> NgramModel:
    """Return the model of a config."""
    return NgramModel(config, estimate_from_counts(config, count_ngrams(ids, config.order, size)))


def perplexity(model: NgramModel, held_out: Ids) -> float:
    """Return the perplexity of a text, each line on its own."""
    scores = model.score_ids(model.begin_state(1), held_out)[0].astype(np.float64)
    return math.exp(-scores.mean()) if np.isfinite(scores).all() else math.inf


def compare(ids: Ids, held_out: Ids, size: int, orders: range, delta: float) -> None:
    """Print a row of perplexities for each smoothing."""
    click.echo(f"{'perplexity, by order':<26}" + "".join(f"{order:>10}" for order in orders))
    for smoothing in get_args(Smoothing):
        configs = [NgramConfig(order, smoothing, delta=delta) for order in orders]
        perplexities = [perplexity(model_of(config, ids, size), held_out) for config in configs]
        name = f"add_delta, {delta}" if smoothing == "add_delta" else smoothing
        click.echo(f"{name:<26}" + "".join(f"{p:>10.1f}" for p in perplexities))


def windows(ids: Ids, order: int) -> set[tuple[int, ...]]:
    """Return the different n-grams of a text, by the same rules as those counted."""
    return set(occurring(ids, order))


def occurring(ids: Ids, order: int) -> list[tuple[int, ...]]:
    """Return the n-grams of a text that stand within a line."""
    text = [1, *ids.tolist()]
    grams = zip(*(text[n:] for n in range(order)), strict=False) if order > 1 else ((w,) for w in text[1:])
    return [gram for gram in grams if 1 not in gram[1:-1]]


def sparsity(ids: Ids, held_out: Ids, size: int, orders: range) -> None:
    """Print how much of the held-out text was never seen."""
    click.echo(f"{'sparsity, by order':<28}" + "".join(f"{order:>10}" for order in orders))
    names = ("unseen, of different ones", "unseen, of all", "unseen after a seen context", "unseen context")
    rows: dict[str, list[float]] = {name: [] for name in (*names, "tokens mle gives zero")}
    for order in orders:
        known, grams = windows(ids, order), occurring(held_out, order)
        different = set(grams)
        model = model_of(NgramConfig(order, "mle"), ids, size)
        scores = model.score_ids(model.begin_state(1), held_out)[0]
        undefined = model.undefined_contexts(model.begin_state(1), held_out[None].astype(np.int64))[0]
        unseen = np.array([gram not in known for gram in grams])
        rows["unseen, of different ones"].append(len(different - known) / len(different))
        rows["unseen, of all"].append(float(unseen.mean()))
        rows["unseen after a seen context"].append(float((np.isneginf(scores) & ~undefined).mean()))
        rows["unseen context"].append(float(undefined.mean()))
        rows["tokens mle gives zero"].append(float(np.mean(np.isneginf(scores))))
    for name, shares in rows.items():
        click.echo(f"{name:<28}" + "".join(f"{100 * share:>8.1f} %" for share in shares))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--corpus", "name", type=click.Choice(sorted(FILES)), default="ptb", show_default=True)
@click.option("--delta", default=0.01, show_default=True, help="What add_delta adds.")
def main(folder: Path, name: str, delta: float) -> None:
    """Compare on the corpora under FOLDER."""
    ids, held_out, size = texts(folder, name)
    click.echo(f"{name}: {len(ids):,} tokens, {size:,} words; {len(held_out):,} held out")
    compare(ids, held_out, size, range(1, 6), delta)
    sparsity(ids, held_out, size, range(1, 8))


if __name__ == "__main__":
    main()
