"""Classifiers of sentences beside their baselines: accuracy, with the spread over seeds or parts.

Takes the folder of corpora. On SST-2 (`sst2/train.tsv`, whole sentences, and `sst2/dev.tsv`) each network is trained
with several seeds; on TREC (`trec/train.txt`, six coarse classes) everything is measured on five of ten parts, each
held out in turn. A network may begin with word vectors (`--vectors`, with `--vector-words` for a `.npy` file). `--test`
measures on another file of SST-2's shape instead of `dev.tsv`. What is measured on chooses nothing: each network is
trained for a fixed number of epochs, and its weights are a running mean of the last ones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from models.data.labelled.config import LabelledFormat
from models.data.labelled.examples import LabelledText
from models.data.labelled.formats import read_labelled_texts
from models.data.labelled.splits import folds
from models.data.word_vectors import WordVectorFile
from models.neural.encoder.config import EncoderConfig
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.config import (
    AnyClassifierConfig,
    ClassifierConfig,
    LogisticRegressionConfig,
    NaiveBayesConfig,
)
from models.tasks.classification.evaluate import evaluate_classifier
from models.tasks.classification.fit import fit_classifier
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.initial_weights import WordVectors
from models.tasks.training.options import FitOptions
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

Examples = Sequence[LabelledText]
SST2_FORMAT = LabelledFormat("tsv", columns=("label", "text"))
TREC_FORMAT = LabelledFormat("label_text", coarse=True, encoding="latin-1")
TREC_PARTS = 5
"""Of the ten parts of TREC, those that are held out in turn."""
EXTRA_WORDS = 20_000
"""Words with a vector that join the vocabulary, the most frequent ones."""
HIDDEN_SIZE = 150
TOKENIZER = TokenizerConfig(pretokenized=True)
SCRATCH = TaskTrainingConfig(
    epochs=4, learning_rate=2e-3, weight_decay=0.05, dropout=0.5, unknown_rate=0.3, averaging=0.99
)
"""Training of a network whose weights are all random at first."""
FROM_VECTORS = replace(
    SCRATCH, batch_size=16, learning_rate=3e-3, weight_decay=0.1, input_dropout=0.3, unknown_rate=0.0
)
"""Training of a network that begins with word vectors."""
TREC_EPOCHS = 8
"""Questions are few and short, so that they are read more often."""


class Split(NamedTuple):
    """Examples to learn from and to measure on, and how."""

    training: Examples
    test: Examples
    seed: int
    epochs: float


class Contestant(NamedTuple):
    """A kind of classifier, and how it is fitted with a seed."""

    name: str
    config: AnyClassifierConfig
    options: Callable[[int], FitOptions]
    is_random: bool = True
    """Whether the seed changes anything."""


def contestants(ngram_share: float, vectors: WordVectors | None) -> list[Contestant]:
    """Return the baselines, and the networks: from nothing and, where there are some, from word vectors."""
    network, mixed = ClassifierConfig(), ClassifierConfig(ngram_share=ngram_share)
    found = [
        Contestant("naive Bayes, bigrams", NaiveBayesConfig(), baseline, is_random=False),
        Contestant("logistic regression, bigrams", LogisticRegressionConfig(l2=3), baseline, is_random=False),
        Contestant("  with naive Bayes weights", LogisticRegressionConfig(l2=3, naive_bayes=True), baseline, False),
        Contestant("BiLSTM from nothing", network, from_nothing),
        Contestant("  and bigrams", mixed, from_nothing),
    ]
    if vectors is not None:
        options = partial(from_vectors, vectors)
        found += [Contestant("BiLSTM from word vectors", network, options), Contestant("  and bigrams", mixed, options)]
        spelled = partial(from_vectors, vectors, spelled=True)
        found += [Contestant("  and characters", network, spelled), Contestant("  and both", mixed, spelled)]
    return found


def baseline(seed: int) -> FitOptions:
    """Return what a baseline is fitted with."""
    del seed
    return FitOptions(TOKENIZER)


def from_nothing(seed: int) -> FitOptions:
    """Return how a network is trained from random weights."""
    return FitOptions(TOKENIZER, EncoderConfig(hidden_size=HIDDEN_SIZE), replace(SCRATCH, seed=seed))


def from_vectors(vectors: WordVectors, seed: int, *, spelled: bool = False) -> FitOptions:
    """Return how a network is trained from word vectors; if `spelled`, it reads characters of words too."""
    encoder = EncoderConfig(embedding_size=vectors.size, hidden_size=HIDDEN_SIZE)
    if spelled:
        encoder = replace(encoder, character_embedding_size=16, character_hidden_size=32)
    return FitOptions(TOKENIZER, encoder, replace(FROM_VECTORS, seed=seed), vectors)


def accuracy(contestant: Contestant, split: Split) -> float:
    """Fit a contestant and return its accuracy."""
    training, test, seed, epochs = split
    options = contestant.options(seed)
    options = replace(options, training=replace(options.training, epochs=epochs))
    fitted = run_to_completion(fit_classifier(contestant.config, training, [], options))
    assert isinstance(fitted.model, TextClassifier)
    return float(run_to_completion(evaluate_classifier(fitted.model, fitted.tokenizer, test))["accuracy"])


def print_row(contestant: Contestant, splits: Sequence[Split]) -> None:
    """Print a contestant's mean accuracy over splits, with spread and seconds."""
    began = time.monotonic()
    accuracies = np.array([100 * accuracy(contestant, split) for split in splits])
    seconds = (time.monotonic() - began) / len(splits)
    spread = f"{accuracies.std(ddof=1):>8.2f}" if len(splits) > 1 else " " * 8
    each = " ".join(f"{value:.2f}" for value in accuracies)
    click.echo(f"{contestant.name:<32}{accuracies.mean():>8.2f}{spread}{seconds:>9.0f}   {each}")


def sst2(folder: Path, test: Path | None, seeds: int, kinds: Sequence[Contestant]) -> None:
    """Print the table of SST-2."""
    training = read_labelled_texts([folder / "train.tsv"], SST2_FORMAT)
    measured = test or folder / "dev.tsv"
    held_out = read_labelled_texts([measured], SST2_FORMAT)
    click.echo(f"\nSST-2: {len(training)} sentences, measured on {len(held_out)} of {measured.name}; {HEADING}")
    for kind in kinds:
        numbers = range(1, 1 + (seeds if kind.is_random else 1))
        print_row(kind, [Split(training, held_out, seed, SCRATCH.epochs) for seed in numbers])


def trec(folder: Path, kinds: Sequence[Contestant]) -> None:
    """Print the table of TREC."""
    questions = read_labelled_texts([folder / "train.txt"], TREC_FORMAT)
    parts = [Split(*part, 1, TREC_EPOCHS) for part in islice(folds(questions, 10, seed=1), TREC_PARTS)]
    click.echo(f"\nTREC: {len(questions)} questions, {TREC_PARTS} held-out tenths; {HEADING}")
    for kind in kinds:
        print_row(kind, parts)


HEADING = "accuracy in %, its standard deviation, seconds each"


@click.command()
@click.argument("corpora", type=click.Path(exists=True, path_type=Path))
@click.option("--only", type=click.Choice(["sst2", "trec"]), multiple=True, default=["sst2", "trec"])
@click.option("--seeds", default=5, help="Trainings of each network on SST-2.")
@click.option("--test", type=click.Path(exists=True, path_type=Path), help="A file to measure on instead of dev.tsv.")
@click.option("--vectors", type=click.Path(exists=True, path_type=Path), help="Word vectors.")
@click.option("--vector-words", type=click.Path(exists=True, path_type=Path), help="Words of a .npy file, one a line.")
@click.option("--ngram-share", default=0.5, help="Share of bigrams in the probabilities of a mixed classifier.")
@click.option("--threads", default=2)
def main(
    corpora: Path,
    only: Sequence[str],
    seeds: int,
    test: Path | None,
    vectors: Path | None,
    vector_words: Path | None,
    ngram_share: float,
    threads: int,
) -> None:
    """Print the tables."""
    set_thread_count(threads)
    table = None
    if vectors:
        file = WordVectorFile.open(vectors, vector_words)
        table = WordVectors(*file.read(set(file.words(sys.maxsize))), EXTRA_WORDS)
    kinds = contestants(ngram_share, table)
    if "sst2" in only:
        sst2(corpora / "sst2", test, seeds, kinds)
    if "trec" in only:
        trec(corpora / "trec", kinds)


if __name__ == "__main__":
    main()
