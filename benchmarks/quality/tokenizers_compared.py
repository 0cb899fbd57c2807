"""Tokenizers compared by bits per byte: Kneser-Ney models over words, parts of words and characters.

A model of words reads unknown words as `<unk>`, which does not say how they are written: bits a byte and perplexity per
word charge for their spelling, perplexity per token does not, and a column tells how many they are. To the others
nothing is unknown.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from models.data.corpus import Corpus
from models.evaluation.evaluator import evaluate
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

KINDS = {
    "words": (TokenizerConfig(), 5),
    "words, 10,000 of them": (TokenizerConfig(max_size=10_000), 5),
    "byte pairs, 16,000": (TokenizerConfig(kind="bpe", max_size=16_000), 5),
    "byte pairs, 8,000": (TokenizerConfig(kind="bpe", max_size=8000), 5),
    "unigram, 8,000": (TokenizerConfig(kind="unigram", max_size=8000), 5),
    "byte pairs, 2,000": (TokenizerConfig(kind="bpe", max_size=2000), 6),
    "byte pairs, 500": (TokenizerConfig(kind="bpe", max_size=500), 7),
    "characters": (TokenizerConfig(kind="character"), 9),
}
"""What a token is, and the order of the model."""
HEAD = ("tokens", "vocabulary", "order", "bits a byte", "per token", "per word", "unknown", "learn", "score")
file = click.Path(exists=True, dir_okay=False, path_type=Path)


def row(name: str, config: TokenizerConfig, order: int, training: tuple[Path, ...], text: Path) -> None:
    """Print what one tokenizer makes of the text."""
    began = time.perf_counter()
    tokenizer, learned = Corpus.open(training, kind=config.kind, empty_lines="drop").train_tokenizer(config)
    smoothing = NgramConfig(order=order)
    model = NgramModel(smoothing, estimate_from_tokens(smoothing, learned.ids, tokenizer.vocabulary_size))
    middle = time.perf_counter()
    pieces = Corpus.open(text, kind=config.kind, empty_lines="drop").chunks()
    result = run_to_completion(evaluate(model, tokenizer, pieces, "document", "drop"))
    ended = time.perf_counter()
    cells = (f"{tokenizer.vocabulary_size:,}", str(order), f"{result.bits_per_byte:.3f}", f"{result.perplexity:.1f}")
    more = (f"{result.perplexity_per_word:.1f}", f"{result.oov_count:,}", f"{middle - began:.1f} s")
    click.echo(f"{name:<24}" + "".join(f"{cell:>12}" for cell in (*cells, *more, f"{ended - middle:.1f} s")))


@click.command()
@click.argument("training", type=file, nargs=-1, required=True)
@click.argument("text", type=file)
def main(training: tuple[Path, ...], text: Path) -> None:
    """Learn from the TRAINING files, score TEXT."""
    click.echo(f"{HEAD[0]:<24}" + "".join(f"{head:>12}" for head in HEAD[1:]))
    for name, (config, order) in KINDS.items():
        row(name, config, order, training, text)


if __name__ == "__main__":
    main()
