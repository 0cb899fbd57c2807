"""Surprisal and reading times: what language models add to length and frequency of words.

Takes the folder of corpora (natural-stories, and wikitext-2 for frequencies) and checkpoints of language models, which
are read in int8 as the service reads them. Reads each story as one text, a sentence a line, and regresses the mean
self-paced reading time of each word, in milliseconds, by least squares on length, log frequency and whether a sentence
begins, of the word and of the one before, without and with the surprisal of both. Prints by how much surprisal raises
the Gaussian log-likelihood of a word of a story that was left out of the fit, with the standard error over stories, and
the milliseconds of a bit. Words with an unknown token, words after one and those that begin a story are left out. A
cache over each checkpoint is measured, too.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import load
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig
from models.evaluation.surprisal.analysis import TextAnalysis, analyze_text
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

Matrix = NDArray[np.float64]
CACHE = CacheConfig(window=500, weight=0.1)
TITLES = ("Mr.", "Mrs.", "Dr.", "St.")


class Story(NamedTuple):
    """Words of a story, and the mean time that readers stayed on each, in milliseconds."""

    words: list[str]
    times: list[float]


class Reading(NamedTuple):
    """Figures of the words of a story in the reading of one model.

    surprisals: [W] bits.
    known: [W] whether the vocabulary holds all of the word.
    bits: of the whole story, and tokens: how many these are of.
    """

    surprisals: Matrix
    known: NDArray[np.bool_]
    bits: float
    tokens: int


class Fit(NamedTuple):
    """Worth of surprisal.

    gains: [stories] log-likelihood a word, in nats.
    slopes: milliseconds a bit, of the word and of the one before.
    """

    gains: Matrix
    slopes: Matrix


def read_stories(path: Path) -> list[Story]:
    """Read the stories of `processed_wordinfo.tsv`, their words in order."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = sorted(
            (int(row["item"]), int(row["zone"]), row["word"], float(row["meanItemRT"]))
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        )
    stories: dict[int, Story] = {}
    for item, _, word, time in rows:
        story = stories.setdefault(item, Story([], []))
        story.words.append(word)
        story.times.append(time)
    return list(stories.values())


def read(model: LanguageModel, tokenizer: Tokenizer, story: Story) -> Reading:
    """Read a story as one text, a sentence a line."""
    text = " ".join(f"{word}\n" if ends_sentence(word) else word for word in story.words).replace("\n ", "\n")
    analysis: TextAnalysis = run_to_completion(analyze_text(model, tokenizer, text, eos=False))
    units = [unit for unit in analysis.units if text[slice(*unit.span)].strip()]
    surprisals = np.array([analysis.surprisal(unit) for unit in units])
    known = np.array([not analysis.oov[unit.begin : unit.end].any() for unit in units])
    assert len(units) == len(story.words), "a word holds a blank"
    return Reading(surprisals, known, float(analysis.distributions.surprisals.sum()), len(analysis.oov))


def ends_sentence(word: str) -> bool:
    """Whether a word ends a sentence, by its last character before quotation marks."""
    return word not in TITLES and word.rstrip("'\"").endswith((".", "!", "?"))


def describe(story: Story, counts: Counter[str]) -> Matrix:
    """Return length in characters, log2 frequency and begin of a sentence [W, 3] of each word."""
    cores = [word.strip("'\"`.,;:!?()-").lower() for word in story.words]
    frequencies = [np.log2(counts[core] + 1) for core in cores]
    begins = [True, *(ends_sentence(word) for word in story.words[:-1])]
    return np.stack([[len(word) for word in story.words], frequencies, begins], 1).astype(np.float64)


def with_last(columns: Matrix) -> Matrix:
    """Return the columns [W, C] of each word but the first, and those of the word before [W - 1, 2 C]."""
    return np.concatenate([columns[1:], columns[:-1]], 1)


def log_likelihoods(x: Sequence[Matrix], y: Sequence[Matrix], left_out: int) -> tuple[float, Matrix]:
    """Return the mean log-likelihood of a word of the story left out, and the weights of the others' fit."""
    fitted, times = (np.concatenate([*part[:left_out], *part[left_out + 1 :]]) for part in (x, y))
    weights = np.linalg.lstsq(fitted, times, rcond=None)[0]
    variance = np.mean((times - fitted @ weights) ** 2)
    errors = (y[left_out] - x[left_out] @ weights) ** 2
    return float(np.mean(-0.5 * np.log(2 * np.pi * variance) - errors / (2 * variance))), weights


def fit(stories: Sequence[Story], described: Sequence[Matrix], readings: Sequence[Reading]) -> Fit:
    """Compare the fits without and with surprisal, each story being left out once."""
    plain, full, times = [], [], []
    for story, columns, reading in zip(stories, described, readings, strict=True):
        rows = reading.known[1:] & reading.known[:-1]
        controls = np.concatenate([np.ones((len(rows), 1)), with_last(columns)], 1)[rows]
        plain.append(controls)
        full.append(np.concatenate([controls, with_last(reading.surprisals[:, None])[rows]], 1))
        times.append(np.array(story.times[1:])[rows])
    folds = [(log_likelihoods(plain, times, i), log_likelihoods(full, times, i)) for i in range(len(stories))]
    gains = np.array([with_surprisal[0] - without[0] for without, with_surprisal in folds])
    return Fit(gains, np.mean([with_surprisal[1][-2:] for _, with_surprisal in folds], 0))


def show(name: str, readings: Sequence[Reading], found: Fit) -> None:
    """Print the row of a model."""
    perplexity = 2 ** (sum(reading.bits for reading in readings) / sum(reading.tokens for reading in readings))
    error = found.gains.std(ddof=1) / len(found.gains) ** 0.5
    gain, better = 1000 * found.gains.mean(), int((found.gains > 0).sum())
    this, last = found.slopes
    click.echo(f"{name:<24}{perplexity:>9.1f}{gain:>9.2f} +-{1000 * error:>5.2f}{better:>5}{this:>8.2f}{last:>8.2f}")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(folder: Path, checkpoints: Sequence[Path]) -> None:
    """Measure the models in CHECKPOINTS, folders of one version each, on the corpora under FOLDER."""
    stories = read_stories(folder / "natural-stories" / "processed_wordinfo.tsv")
    training = (folder / "wikitext-2" / "train.txt").read_text(encoding="utf-8")
    counts = Counter(training.lower().split())
    described = [describe(story, counts) for story in stories]
    click.echo("model                 perplexity  gain, 10^-3 nats a word  stories better  ms a bit: this, last word")
    for path in checkpoints:
        checkpoint = load(path, families=FAMILIES_BY_PRECISION["int8"])
        for name, model in (
            (path.parent.name, checkpoint.predictor),
            (f"{path.parent.name}, cache", CacheModel(CACHE, checkpoint.predictor)),
        ):
            readings = [read(model, checkpoint.tokenizer, story) for story in stories]
            show(name, readings, fit(stories, described, readings))
            known = [reading.known[1:] & reading.known[:-1] for reading in readings]
    click.echo(f"{sum(map(np.sum, known)):,} of {sum(len(story.words) for story in stories):,} words")


if __name__ == "__main__":
    main()
