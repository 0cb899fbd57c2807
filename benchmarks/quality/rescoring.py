"""Rescoring of n-best lists: word errors by the weights that `tune` finds, of several models.

The lists are simulated, since free ones of a real recogniser are hard to come by: each word of a line of BOOK may be
heard as a word of the vocabulary that is spelled alike, with a score that falls with the letters that differ and is
noisy, or not at all. To the score of a hypothesis the log-probability by a bigram model of another text, SOURCE, is
added, as that of the language a recogniser has learned from its transcripts; so its influence can be taken away again
(density ratio: McDermott et al. 2019). What is compared are language models, at errors that are ours to choose. Rates
are those of the best hypotheses of lists that were left out when weights were found.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.data.corpus import Corpus
from models.data.labelled.nbest import NbestHypothesis, NbestList
from models.evaluation.rescoring.edit_distance import edit_distances
from models.evaluation.rescoring.nbest_scores import Scorer, score_nbest
from models.evaluation.rescoring.tuned_weights import Tuning
from models.evaluation.rescoring.tuning import find_weights
from models.inference.scoring import score_texts
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

MIN_WORDS, MAX_WORDS = 6, 40
"""Words of a line that is taken."""
ALIKE = 8
"""Words that each may be heard as, itself among them."""
LETTER_COST, NOISE = 3.0, 1.4
"""What a letter that differs costs, and the standard deviation of a score (nats)."""
SILENCE_COST = 8.0
"""What a word costs that is not heard."""
HEARD, LISTED = 400, 50
"""Hypotheses that are best as heard, and those of them that are best with the bigrams, which make the list."""
ZERO_LOGPROB = -100.0
"""What a token of probability zero counts as (nats); these models have none."""
BIGRAM_WEIGHT = 0.6
"""Weight of the bigrams' log-probability in the recogniser's score."""


class Recognizer:
    """A simulated recogniser of lines of words."""

    def __init__(self, vocabulary: Sequence[str], bigrams: Scorer, seed: int) -> None:
        self._vocabulary, self._bigrams = list(vocabulary), bigrams
        self._random = np.random.default_rng(seed)
        self.alike = cache(self._alike)

    def _alike(self, word: str) -> tuple[list[str], NDArray[np.float64]]:
        """Return what may be heard for a word, and scores without noise; the last is nothing."""
        if not word.isalpha():
            return [word], np.zeros(1)
        near = [other for other in self._vocabulary if abs(len(other) - len(word)) <= 2 and other != word]
        distances = edit_distances(word, near)
        best = np.argsort(distances, kind="stable")[: ALIKE - 1]
        scores = [0.0, *(-LETTER_COST * distances[best]).tolist(), -SILENCE_COST]
        return [word, *(near[i] for i in best), ""], np.array(scores)

    def hear(self, line: str, number: int) -> NbestList:
        """Return the n-best list of a line."""
        totals, parts = np.zeros(1), [()]
        for word in line.split():
            options, scores = self.alike(word)
            sums = totals[:, None] + scores + self._random.normal(0, NOISE, len(options))
            best = np.argsort(-sums.ravel(), kind="stable")[:HEARD]
            totals = sums.ravel()[best]
            parts = [(*parts[i // len(options)], options[i % len(options)]) for i in best.tolist()]
        texts = [" ".join(filter(None, words)) for words in parts]
        scored = run_to_completion(score_texts(self._bigrams.model, self._bigrams.tokenizer, texts))
        totals = totals + BIGRAM_WEIGHT * np.array([score.logprob for score in scored])
        order = np.argsort(-totals, kind="stable")[:LISTED]
        return NbestList(line, tuple(NbestHypothesis(texts[i], float(totals[i])) for i in order), "", number)


def train_bigrams(text: Path) -> Scorer:
    """Return a bigram model of a text, a sentence a line."""
    tokenizer, encoded = Corpus.open([text], empty_lines="drop").train_tokenizer(TokenizerConfig(max_size=20_000))
    config = NgramConfig(2)
    counts = count_ngrams(encoded.ids, config.order, tokenizer.vocabulary_size)
    return Scorer(NgramModel(config, estimate_from_counts(config, counts)), tokenizer)


def model_sets(ngram: str, network: str) -> list[tuple[str, ...]]:
    """Return the sets of models that are compared; each alone and without the bigrams' influence."""
    without = [(), (ngram,), (network,), (ngram, network)]
    return [models for names in without for models in (names, (*names, "bigrams"))]


def print_row(name: str, tuning: Tuning, seconds: float) -> None:
    """Print the error rates by the weights of a set of models, and the weights; a head before the first."""
    rates = {kind: 100 * (rate or 0) for kind, rate in tuning.error_rates.items()}
    if name == "none":
        click.echo(f"{tuning.list_count} lists of {LISTED}, {tuning.reference_length} words")
        click.echo(f"word errors as listed {rates['first_pass']:.2f} %, at the least {rates['oracle']:.2f} %")
        click.echo(f"{'models':<42}{'tuned':>8}{'left out':>10}   weights; a word's; seconds")
    weights = ", ".join(f"{weight:.3g}" for weight in tuning.weights.lm_weights)
    found = f"{weights}; {tuning.weights.word_bonus:.3g}; {seconds:.1f}"
    click.echo(f"{name:<42}{rates['tuned']:>8.2f}{rates['held_out']:>10.2f}   {found}")


@click.command()
@click.argument("book", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ngram", default="gutenberg-kn", show_default=True)
@click.option("--network", default="gutenberg-lstm", show_default=True)
@click.option("--checkpoints", type=click.Path(path_type=Path), default=Path("checkpoints"), show_default=True)
@click.option("--count", default=500, show_default=True, help="Lines of the book.")
@click.option("--seed", default=1, show_default=True)
def main(book: Path, source: Path, ngram: str, network: str, checkpoints: Path, count: int, seed: int) -> None:
    """Hear lines of BOOK, which no model has read, and rank what was heard; SOURCE is another text."""
    loaded = {}
    for name in (ngram, network):
        checkpoint = load(resolve(checkpoints, name).path, families=FAMILIES_BY_PRECISION["int8"])
        loaded[name] = Scorer(checkpoint.language_model, checkpoint.tokenizer)
    bigrams = train_bigrams(source)
    words = [word for word in loaded[ngram].tokenizer.vocabulary[2:] if word.isalpha()]
    recognizer = Recognizer(words, bigrams, seed)
    lines = [line for line in book.read_text("utf-8").splitlines() if MIN_WORDS <= len(line.split()) <= MAX_WORDS]
    np.random.default_rng(seed).shuffle(lines)
    lists = [recognizer.hear(line, i + 1) for i, line in enumerate(lines[:count])]
    models = {**loaded, "bigrams": bigrams}
    begin = time.perf_counter()
    figures = run_to_completion(score_nbest(lists, list(models.values()), ZERO_LOGPROB))
    click.echo(f"scored in {time.perf_counter() - begin:.0f} s")
    for names in model_sets(ngram, network):
        columns = [name in names for name in models]
        begin = time.perf_counter()
        tuning = run_to_completion(find_weights(lists, figures[..., [True, *columns, True, *columns]]))
        print_row(", ".join(names) or "none", tuning, time.perf_counter() - begin)


if __name__ == "__main__":
    main()
