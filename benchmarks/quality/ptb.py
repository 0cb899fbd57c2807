"""Perplexity that an hour of two cores buys: an LSTM, dynamic or not, Kneser-Ney, caches and their mixtures.

python -m benchmarks.quality.ptb TRAIN VALID [--test FILE]. The text comes tokenized, a line a sentence. The weights of
mixtures are fitted by expectation maximisation to VALID, and perplexity is measured there and on FILE with the state
carried across lines. Caches and dynamic evaluation adapt to the text that they are measured on. Costs are CPU-seconds
of the whole process.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from app.cli.progress_bar import ProgressBar, drive
from app.core.container_limits import cpu_quota
from benchmarks.quality._pretokenized import encode
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, DynamicConfig, NeuralCacheConfig
from models.composite.dynamic_evaluation import DynamicModel
from models.composite.mixture_weights import fit_weights, score_by_member
from models.composite.neural_cache import NeuralCacheModel
from models.data.bptt_batches import TokenIds
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.training.config import STATE_FILE, TrainingConfig
from models.neural.training.train import TrainingResult, train
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.threads import set_thread_count
from models.utils.progress import Progress, run_to_completion

ARCHITECTURE = RecurrentConfig("lstm", layers=2, embedding_size=400, hidden_size=400)
TRAINING = TrainingConfig(
    epochs=22, batch_size=32, bptt=32, learning_rate=3e-3, weight_decay=0.02, clip=0.5, dropout=0.25, input_dropout=0.4,
    output_dropout=0.4, word_dropout=0.05, weight_drop=0.2, sampled_words=768,
)  # fmt: skip
WINDOW, NEURAL_WINDOW, THETA = 500, 2000, 0.3
DYNAMIC = DynamicConfig("rms", 2e-3)
MIXTURES = (
    ("LSTM",),
    ("Kneser-Ney",),
    ("LSTM", "Kneser-Ney"),
    ("LSTM", "Kneser-Ney", "unigram cache"),
    ("LSTM", "Kneser-Ney", "unigram cache", "bigram cache"),
    ("LSTM", "neural cache"),
    ("LSTM", "Kneser-Ney", "unigram cache", "bigram cache", "neural cache"),
    ("dynamic LSTM",),
    ("LSTM", "dynamic LSTM", "Kneser-Ney", "unigram cache", "bigram cache", "neural cache"),
)
Scores = dict[str, NDArray[np.float32]]


def members(lstm: RecurrentModel, ngram: NgramModel) -> dict[str, LanguageModel]:
    """Return the members of the mixtures; a cache of weight one knows nothing but its window."""
    return {
        "LSTM": lstm,
        "Kneser-Ney": ngram,
        "unigram cache": CacheModel(CacheConfig(WINDOW, 1.0), ngram),
        "bigram cache": CacheModel(CacheConfig(WINDOW, 0.0, 1.0), ngram),
        "neural cache": NeuralCacheModel(NeuralCacheConfig(NEURAL_WINDOW, 1.0, THETA), lstm),
        "dynamic LSTM": DynamicModel(DYNAMIC, lstm),
    }


def scores(models: dict[str, LanguageModel], ids: TokenIds) -> Scores:
    """Log P [N] of each token under each, the whole text one row."""
    return dict(zip(models, run_to_completion(score_by_member(list(models.values()), ids, "document")), strict=True))


def perplexity(found: Scores, weights: dict[str, float]) -> float:
    """Return the perplexity of the mixture with these weights."""
    with np.errstate(divide="ignore"):
        mixed = np.logaddexp.reduce([found[name].astype(float) + np.log(weight) for name, weight in weights.items()])
    return math.exp(-mixed.mean())


def trained(
    tokens: TokenIds, held_out: TokenIds, size: int, how: TrainingConfig, workdir: Path | None
) -> Generator[Progress, None, TrainingResult]:
    """Return the LSTM; with a directory, its state is saved there, and a training found there goes on."""
    found = workdir if workdir and (workdir / STATE_FILE).exists() else None
    return train(ARCHITECTURE, how, tokens, held_out, size, resume_from=found, save_to=workdir)


@click.command()
@click.argument("text", type=Path)
@click.argument("valid", type=Path)
@click.option("--test", type=Path, help="Measured with the weights found on VALID.")
@click.option("--epochs", type=float, default=TRAINING.epochs, show_default=True)
@click.option("--workdir", type=Path, help="Where the training's state is saved.")
@click.option("--threads", type=int, default=cpu_quota, show_default="CPU quota")
@click.option("--json", "as_json", is_flag=True)
def main(
    text: Path, valid: Path, test: Path | None, epochs: float, workdir: Path | None, threads: int, as_json: bool
) -> None:
    """Train, mix and measure."""
    set_thread_count(threads)
    files = {"train": text, "valid": valid} | ({"test": test} if test else {})
    vocabulary_size, encoded = encode(*files.values())
    ids = dict(zip(files, encoded, strict=True))
    began = time.process_time()
    how = replace(TRAINING, epochs=epochs)
    lstm = drive(trained(ids["train"], ids["valid"], vocabulary_size, how, workdir), ProgressBar()).model
    spent = time.process_time() - began
    kneser_ney = NgramConfig(order=5)
    ngram = NgramModel(kneser_ney, estimate_from_tokens(kneser_ney, ids["train"], vocabulary_size))
    found = {name: scores(members(lstm, ngram), ids[name]) for name in files if name != "train"}
    if not as_json:
        click.echo(f"{lstm.parameter_count:,} parameters, {epochs:g} epochs, {spent:,.0f} CPU-seconds of training")
    for names in MIXTURES:
        weights = dict(zip(names, fit_weights(np.stack([found["valid"][name] for name in names])).weights, strict=True))
        reached = {part: perplexity(of, weights) for part, of in found.items()}
        if as_json:
            click.echo(json.dumps({"weights": weights, "perplexity": reached, "cpu_seconds": spent}))
        else:
            mixture = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
            click.echo("  ".join([*(f"{part} {value:8.2f}" for part, value in reached.items()), mixture]))


if __name__ == "__main__":
    main()
