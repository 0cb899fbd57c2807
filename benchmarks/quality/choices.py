"""Choices of the training recipe: a smaller LSTM than that of `ptb`, one choice changed at a time.

python -m benchmarks.quality.choices TRAIN VALID. So that all trainings fit an afternoon, the text is a part of the
whole and the network is smaller in proportion: there are as many epochs as the recipe has, and as many numbers for each
token to learn by heart with.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.cli.progress_bar import ProgressBar, drive
from benchmarks.quality._pretokenized import encode
from benchmarks.quality.ptb import ARCHITECTURE, TRAINING
from models.neural.training.train import train
from models.threads import set_thread_count

CHOICES: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "another seed": {"seed": 2},
    "whole softmax": {"sampled_words": 0},
    "sampled_words 256": {"sampled_words": 256},
    "embeddings not tied": {"tied": False},
    "one layer": {"layers": 1},
    "GRU": {"kind": "gru"},
    "no dropout at all": {
        "dropout": 0.0, "input_dropout": 0.0, "output_dropout": 0.0, "word_dropout": 0.0, "weight_drop": 0.0
    },
    "a mask for each token": {"locked_dropout": False},
    "no word dropout": {"word_dropout": 0.0},
    "no weight drop": {"weight_drop": 0.0},
    "no weight decay": {"weight_decay": 0.0},
    "constant rate 1e-3": {"schedule": "constant", "learning_rate": 1e-3},
    "constant rate 1e-3, averaged": {"schedule": "constant", "learning_rate": 1e-3, "averaging": 0.9995},
    "one cycle, averaged": {"averaging": 0.999},
    "twice the streams": {"batch_size": 64},
    "half the streams": {"batch_size": 16},
    "peak rate 6e-3": {"learning_rate": 6e-3},
    "peak rate 8e-3": {"learning_rate": 8e-3},
    "peak rate 8e-3, noise for word dropout": {"learning_rate": 8e-3, "noise": 0.2, "word_dropout": 0.0},
    "peak rate 8e-3, one layer of 240": {"learning_rate": 8e-3, "layers": 1, "hidden_size": 240},
}  # fmt: skip
"""Fields of RecurrentConfig or TrainingConfig, which share no name."""


@click.command()
@click.argument("text", type=Path)
@click.argument("valid", type=Path)
@click.option("--only", multiple=True, type=click.Choice(tuple(CHOICES)), help="May be repeated. [default: all]")
@click.option("--part", default=0.25, show_default=True, help="Of the text, from its beginning.")
@click.option("--size", default=160, show_default=True, help="Of embeddings and hidden vectors.")
@click.option("--epochs", default=TRAINING.epochs, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(text: Path, valid: Path, only: tuple[str, ...], part: float, size: int, epochs: float, threads: int) -> None:
    """Print, for each choice, the validation perplexity that it reaches and what it costs."""
    set_thread_count(threads)
    vocabulary_size, (tokens, held_out) = encode(text, valid)
    tokens = tokens[: round(part * len(tokens))]
    architecture = replace(ARCHITECTURE, embedding_size=size, hidden_size=size)
    training = replace(TRAINING, epochs=epochs)
    click.echo(
        f"{architecture.layers} layers of {size}, {epochs:g} epochs of {len(tokens):,} tokens, "
        f"{vocabulary_size:,} words"
    )
    for name in only or CHOICES:
        fields = CHOICES[name]
        of = {key: value for key, value in fields.items() if hasattr(architecture, key)}
        how = {key: value for key, value in fields.items() if key not in of}
        began = time.process_time()
        course = train(replace(architecture, **of), replace(training, **how), tokens, held_out, vocabulary_size)
        trained = drive(course, ProgressBar())
        spent, reached = time.process_time() - began, trained.metrics["best_perplexity"]
        click.echo(f"{name:40}{reached:9.2f}{trained.model.parameter_count:12,} parameters{spent:9,.0f} CPU-seconds")


if __name__ == "__main__":
    main()
