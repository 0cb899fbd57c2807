"""Parity of n-gram models with KenLM, and with each smoothing's formula written out on dictionaries.

Takes the folder of corpora (`ptb/`, `wikitext-2/`). Three comparisons, each with its limit:

- perplexity on the validation text, each line on its own, empty lines dropped, against what models estimated by
  `lmplz` have on the same files; 0.05 %. KenLM reserves an unknown word of its own beside the vocabulary of the text,
  in which `<unk>` is a word like any other, so that its unigrams spread over one word more than ours. We promise a
  distribution over the vocabulary, so the difference stays; it moves the fourth decimal;
- every token of that text against KenLM querying the same model through ARPA; 1e-4 nats;
- every smoothing against its formula, written out on dictionaries, on the first lines of the text; 1e-4 nats.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import kenlm
import numpy as np
from numpy.typing import NDArray

from models.data.corpus import Corpus
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.formats import arpa
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.reference import Reference

REFERENCE = {
    ("ptb", 3): 157.7653,
    ("ptb", 5): 148.0074,
    ("wikitext-2", 3): 247.6563,
    ("wikitext-2", 5): 239.9840,
}
FILES = {"ptb": ("ptb.train.txt", "ptb.valid.txt"), "wikitext-2": ("train.txt", "valid.txt")}
PERPLEXITY_LIMIT, SCORE_LIMIT = 5e-4, 1e-4


def corpora(folder: Path, name: str) -> tuple[Corpus, Corpus]:
    """Training and validation text, empty lines dropped."""
    training, validation = (Corpus.open(folder / name / file, empty_lines="drop") for file in FILES[name])
    return training, validation


def kenlm_scores(model: NgramModel, tokenizer: Tokenizer, text: Corpus) -> NDArray[np.float64]:
    """Return KenLM's log-probability of every token, in nats, from `model` as ARPA."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        with path.open("w", encoding="utf-8") as file:
            arpa.write_arpa(model.table, tokenizer.vocabulary, file)
        peer = kenlm.Model(str(path))
    lines = (line for chunk in text.chunks() for line in chunk.splitlines())
    scores = [score for line in lines for score, _, _ in peer.full_scores(line)]
    return np.array(scores) * math.log(10)


def compare_estimation(folder: Path, name: str) -> Iterator[tuple[str, float, float]]:
    """Perplexities and scores of one corpus: what is compared, how far apart, and how far it may be."""
    training, validation = corpora(folder, name)
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), training.chunks())
    ids, held_out = training.encode(tokenizer).ids, validation.encode(tokenizer).ids
    for order in (3, 5):
        config = NgramConfig(order)
        model = NgramModel(config, estimate_from_tokens(config, ids, tokenizer.vocabulary_size))
        scores = model.score_ids(model.begin_state(1), held_out)[0].astype(np.float64)
        perplexity, expected = math.exp(-scores.mean()), REFERENCE[name, order]
        label = f"{name} order {order}: perplexity {perplexity:.4f}, lmplz {expected:.4f}"
        yield label, abs(perplexity / expected - 1), PERPLEXITY_LIMIT
        apart = float(np.abs(scores - kenlm_scores(model, tokenizer, validation)).max())
        yield f"{name} order {order}: {len(scores):,} tokens against KenLM's query, nats", apart, SCORE_LIMIT


def compare_formulas(folder: Path, name: str, training_lines: int, lines: int) -> Iterator[tuple[str, float, float]]:
    """Compare every smoothing with its formula; yield its name, the largest difference and the limit."""
    chunks = [next(text.chunks()).splitlines() for text in corpora(folder, name)]
    first, held_out = chunks[0][:training_lines], chunks[1][:lines]
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), ["\n".join(first) + "\n"])
    for smoothing in get_args(Smoothing):
        for order in (2, 4):
            config = NgramConfig(order, smoothing, delta=0.1)
            encoded = [tokenizer.encode(line).ids.tolist() for line in first]
            flat = np.array([i for line in encoded for i in (*line, EOS)], np.int32)
            model = NgramModel(config, estimate_from_tokens(config, flat, tokenizer.vocabulary_size))
            reference = Reference(encoded, order, tokenizer.vocabulary_size)
            apart = max(_apart(model, reference, tokenizer.encode(line).ids.tolist()) for line in held_out)
            yield (
                f"{name} {smoothing} order {order}: {len(held_out)} lines against the formula, nats",
                apart,
                SCORE_LIMIT,
            )


def _apart(model: NgramModel, reference: Reference, line: list[int]) -> float:
    """Return the largest difference in log-probability over a line; zero against zero is none."""
    words = [*line, EOS]
    ours = model.score(model.begin_state(1), np.array([words]))[0][0].tolist()
    differences = [0.0]
    for t, word in enumerate(words):
        p = reference.probability(model.ngram_config.smoothing, word, tuple(words[:t]), model.ngram_config.delta)
        theirs = math.log(p) if p > 0 else -math.inf
        differences.append(0.0 if ours[t] == theirs else abs(ours[t] - theirs))
    return max(differences)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--corpus", "names", type=click.Choice(sorted(FILES)), multiple=True, help="Only these; all if not given."
)
@click.option("--training-lines", default=300, show_default=True, help="How much the formulas are estimated on.")
@click.option("--lines", default=20, show_default=True, help="How much they are compared on.")
def main(folder: Path, names: tuple[str, ...], training_lines: int, lines: int) -> None:
    """Compare on the corpora under FOLDER; exit with 1 where something is too far apart."""
    failed = False
    for name in names or sorted(FILES):
        parts = (compare_estimation(folder, name), compare_formulas(folder, name, training_lines, lines))
        for label, apart, limit in (row for part in parts for row in part):
            failed |= not apart <= limit
            click.echo(f"{'ok  ' if apart <= limit else 'FAIL'}  {label}: {apart:.1e} apart, {limit:.0e} allowed")
    sys.exit(failed)


if __name__ == "__main__":
    main()
