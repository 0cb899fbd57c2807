"""Filtering by perplexity: how often English is ranked before other text, by figure and model.

English sentences are those of a book that no shipped model has read, one a line. Against them stand German and French,
code, addresses of pages, and gibberish: letters at random, the letters of English words shuffled, keys that lie side by
side, and English words in a random order. The figure printed is the area under the ROC curve: how often the figure of
an English sentence is smaller than that of another text, 1.000 for a perfect filter and 0.500 for a blind one. Networks
compute in int8, as they are served.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from scipy.stats import rankdata

from benchmarks.quality._foreign_sentences import FRENCH, GERMAN
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.repository import resolve
from models.evaluation.evaluator import evaluate
from models.evaluation.metrics import Evaluation, Unit
from models.utils.progress import run_to_completion

FIGURES = {
    "perplexity": "perplexity",
    "without unknown": "perplexity_without_oov",
    "open vocabulary": "open_vocabulary_perplexity",
    "per word": "perplexity_per_word",
    "bits per byte": "bits_per_byte",
}
"""Heads of the columns, and the figures of an evaluation that they are."""
MIN_WORDS, MAX_WORDS = 5, 40
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_CODE = ("evaluation/metrics.py", "inference/sampling.py", "data/corpus.py")
"""Sources of this project that stand for code."""


def random_letters(sentence: str, source: random.Random) -> str:
    """Return words of the same lengths, of letters drawn at random."""
    return " ".join("".join(source.choices(string.ascii_lowercase, k=len(word))) for word in sentence.split())


def shuffled_letters(sentence: str, source: random.Random) -> str:
    """Return the same words, with the letters of each in a random order."""
    return " ".join("".join(source.sample(word, len(word))) for word in sentence.split())


def keyboard_mash(sentence: str, source: random.Random) -> str:
    """Return words of the same lengths, of keys that lie side by side."""

    def word(length: int) -> str:
        row = source.choice(_KEYS)
        place, letters = source.randrange(len(row)), ""
        while len(letters) < length:
            letters += row[place]
            place = min(max(place + source.choice((-1, 1, 1)), 0), len(row) - 1)
        return letters

    return " ".join(word(len(each)) for each in sentence.split())


def shuffled_words(sentence: str, source: random.Random) -> str:
    """Return the same words in a random order."""
    words = sentence.split()
    return " ".join(source.sample(words, len(words)))


def address(sentence: str, source: random.Random) -> str:
    """Return the address of a page named after the sentence."""
    words = [word.lower() for word in sentence.split() if word.isalpha()][:6] or ["index"]
    number = source.randrange(10**6)
    return f"https://www.{words[0]}-{words[-1]}.{source.choice(('com', 'org', 'de'))}/{'-'.join(words)}?id={number}"


GIBBERISH: dict[str, Callable[[str, random.Random], str]] = {
    "addresses": address,
    "random letters": random_letters,
    "shuffled letters": shuffled_letters,
    "keyboard mash": keyboard_mash,
    "shuffled words": shuffled_words,
}


def read_sentences(path: Path, count: int) -> list[str]:
    """Return `count` lines of a book, spread over it, of MIN_WORDS to MAX_WORDS words."""
    lines = [line for line in path.read_text("utf-8").splitlines() if MIN_WORDS <= len(line.split()) <= MAX_WORDS]
    return lines[:: max(1, len(lines) // count)][:count]


def read_code() -> list[str]:
    """Return lines of this project's own sources that are code and not text."""
    package = Path(__file__).parents[2] / "models"
    lines = [line.strip() for name in _CODE for line in (package / name).read_text("utf-8").splitlines()]
    return [line for line in lines if "(" in line and not line.startswith(('"', "#", ">", "Raises"))]


def mixed_texts(sentences: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Return the texts that are not English, by kind."""
    source = random.Random(seed)
    texts = {"German": GERMAN, "French": FRENCH, "code": read_code()}
    return texts | {name: [make(sentence, source) for sentence in sentences] for name, make in GIBBERISH.items()}


def area_under_curve(english: Sequence[float], others: Sequence[float]) -> float:
    """Return how often a figure of `english` is smaller than one of `others`, ties by half.

    That is the statistic of Mann and Whitney (1947) over the number of pairs.

    >>> area_under_curve([1, 2], [2, 3])
    0.875
    """
    ranks = rankdata([*others, *english])
    return float((ranks[: len(others)].sum() / len(others) - (len(others) + 1) / 2) / len(english))


def figures(checkpoint: Checkpoint, texts: Sequence[str], *, eos: bool) -> dict[str, list[float]]:
    """Return every figure of each text; an infinite one is infinity."""
    tokenizer = checkpoint.tokenizer
    unit: Unit = "lines" if tokenizer.config.has_lines else "document"

    def measure(text: str) -> Evaluation:
        return run_to_completion(evaluate(checkpoint.language_model, tokenizer, [text], unit, eos=eos))

    evaluations = [measure(text) for text in texts]
    return {
        head: [float("inf") if (value := getattr(e, name)) is None else value for e in evaluations]
        for head, name in FIGURES.items()
    }


@click.command()
@click.argument("book", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--models", default="gutenberg-kn,gutenberg-gru,gutenberg-lstm,gutenberg-mix", show_default=True)
@click.option("--checkpoints", type=click.Path(path_type=Path), default=Path("checkpoints"), show_default=True)
@click.option("--count", default=300, show_default=True, help="English sentences, and texts of each made-up kind.")
@click.option("--eos/--no-eos", default=True, show_default=True, help="Whether the ends of texts are scored.")
@click.option("--seed", default=1, show_default=True)
def main(book: Path, models: str, checkpoints: Path, count: int, eos: bool, seed: int) -> None:
    """Rank sentences of BOOK, which should be one that the models have not read, against other texts."""
    sentences = read_sentences(book, count)
    others = mixed_texts(sentences, seed)
    for name in models.split(","):
        checkpoint = load(resolve(checkpoints, name).path, families=FAMILIES_BY_PRECISION["int8"])
        english = figures(checkpoint, sentences, eos=eos)
        click.echo(f"{name:<18}" + "".join(f"{head:>17}" for head in FIGURES))
        areas = []
        for kind, texts in others.items():
            measured = figures(checkpoint, texts, eos=eos)
            areas.append([area_under_curve(english[head], measured[head]) for head in FIGURES])
            medians = [f"{np.median(measured[head]):.3g}" for head in FIGURES]
            click.echo(f"{kind:<18}" + "".join(f"{m:>10} {a:.3f} " for m, a in zip(medians, areas[-1], strict=True)))
        medians = [f"{np.median(english[head]):.3g}" for head in FIGURES]
        click.echo(f"{'English':<18}" + "".join(f"{m:>10}       " for m in medians))
        click.echo(f"{'mean':<18}" + "".join(f"{a:>16.3f} " for a in np.mean(areas, axis=0)) + "\n")


if __name__ == "__main__":
    main()
