"""Taggers of parts of speech and of names beside the hidden Markov model, with their seconds.

Takes the folder of corpora. Parts of speech: MASC (`masc/train.txt`, measured on `masc/dev.txt`, other texts) and ATIS
(`atis/en_atis-ud-train.conllu`, the training part alone: a tenth is held out). Names: WNUT-17 (both files of `wnut17`,
measured on `emerging.dev.conll`) and wikigold (`wikigold/wikigold.conll.txt`, a tenth is held out). No network sees
what it is measured on: each is trained for a fixed number of epochs, and its weights are a running mean of the last
ones. A network may begin with word vectors (`--vectors vectors.npy --vector-words words.txt`); `--test` measures on
another file of the corpus's format.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.data.labelled.config import TaggedFormat
from models.data.labelled.examples import TaggedSentence
from models.data.labelled.formats import read_tagged
from models.data.labelled.splits import hold_out
from models.data.word_vectors import WordVectorFile
from models.neural.encoder.config import EncoderConfig
from models.tasks.tagging.config import HmmTaggerConfig, TaggerConfig
from models.tasks.tagging.evaluate import evaluate_tagger
from models.tasks.tagging.fit import fit_tagger
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.initial_weights import WordVectors
from models.tasks.training.options import FitOptions
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

Sentences = Sequence[TaggedSentence]
HELD_OUT, SPLIT_SEED = 0.1, 1
"""Share of a corpus without a test part that is held out, and the seed that chooses it."""
EXTRA_WORDS = 20_000
"""Words with a vector that join the vocabulary, the most frequent ones."""


@dataclass(frozen=True)
class TaggedCorpus:
    """A corpus of tagged sentences, and how networks are trained on it."""

    files: tuple[str, ...]
    """Training part, and what is measured on if it is another file."""
    format: TaggedFormat
    names: bool
    """Whether its tags are BIO, so that F1 counts."""
    training: TaskTrainingConfig
    hidden_size: int = 128
    min_count: int = 1
    """Rarer words are `<unk>` to networks, which read their characters."""

    def read(self, folder: Path, test: Path | None) -> tuple[Sentences, Sentences]:
        """Return training sentences, and those to measure on."""
        train = read_tagged([folder / self.files[0]], self.format)
        if test or len(self.files) > 1:
            return train, read_tagged([test or folder / self.files[1]], self.format)
        return hold_out(train, HELD_OUT, SPLIT_SEED)


TRAINING = TaskTrainingConfig(dropout=0.5, unknown_rate=0.5, averaging=0.99)
CORPORA = {
    "masc": TaggedCorpus(
        ("masc/train.txt", "masc/dev.txt"), TaggedFormat("masc"), False,
        replace(TRAINING, epochs=6, averaging=0.998, unknown_rate=0.0), min_count=2,
    ),
    "atis": TaggedCorpus(
        ("atis/en_atis-ud-train.conllu",), TaggedFormat("conllu"), False, replace(TRAINING, epochs=6)
    ),
    "wnut17": TaggedCorpus(
        ("wnut17/wnut17train.conll", "wnut17/emerging.dev.conll"), TaggedFormat("conll"), True,
        replace(TRAINING, epochs=15, batch_size=16), hidden_size=100,
    ),
    "wikigold": TaggedCorpus(
        ("wikigold/wikigold.conll.txt",), TaggedFormat("conll", iob_to_bio=True), True,
        replace(TRAINING, epochs=20, batch_size=8), hidden_size=100,
    ),
}  # fmt: skip


class Contestant(NamedTuple):
    """A kind of tagger, and how it is fitted with a seed."""

    name: str
    config: TaggerConfig | HmmTaggerConfig
    options: Callable[[int], FitOptions]

    @property
    def is_random(self) -> bool:
        """Whether the seed changes anything."""
        return isinstance(self.config, TaggerConfig)


def contestants(corpus: TaggedCorpus, vectors: WordVectors | None) -> Iterator[Contestant]:
    """Yield the taggers of a corpus, baselines first."""
    encoder = EncoderConfig(
        embedding_size=100, hidden_size=corpus.hidden_size, character_embedding_size=25, character_hidden_size=25
    )

    def network(encoder: EncoderConfig, initial: WordVectors | None = None) -> Callable[[int], FitOptions]:
        # Characters keep the case that the words lose.
        words = TokenizerConfig(lowercase=True, min_count=corpus.min_count)
        return lambda seed: FitOptions(words, encoder, replace(corpus.training, seed=seed), initial)

    for order in (2, 3):
        yield Contestant(f"HMM, order {order}", HmmTaggerConfig(order), lambda _: FitOptions())
    best = TaggerConfig(crf=corpus.names, constrained=corpus.names)
    suffix = ", CRF" if corpus.names else ""
    yield Contestant(f"left-only LSTM{suffix}", best, network(replace(encoder, direction="forward")))
    if corpus.names:
        yield Contestant("BiLSTM, softmax", TaggerConfig(), network(encoder))
    else:
        yield Contestant("BiLSTM, no characters", best, network(replace(encoder, character_embedding_size=0)))
    yield Contestant(f"BiLSTM{suffix}", best, network(encoder))
    if vectors:
        sized = replace(encoder, embedding_size=vectors.size)
        yield Contestant(f"BiLSTM{suffix}, word vectors", best, network(sized, vectors))


def read_vectors(file: WordVectorFile, train: Sentences) -> WordVectors:
    """Return the vectors of the most frequent words and of those of the training sentences."""
    words = {token.lower() for sentence in train for token in sentence.tokens}
    return WordVectors(*file.read(words.union(file.words(EXTRA_WORDS))), EXTRA_WORDS)


class Score(NamedTuple):
    """Figures of one tagger, of one seed."""

    figures: dict[str, Any]
    int8: dict[str, Any]
    seconds: float


def measure(contestant: Contestant, seed: int, train: Sentences, test: Sentences) -> Score:
    """Fit a tagger and measure it, in float32 and in int8."""
    began = time.monotonic()
    fitted = run_to_completion(fit_tagger(contestant.config, train, (), contestant.options(seed)))
    seconds, model = time.monotonic() - began, fitted.model
    seen, figures = {token for sentence in train for token in sentence.tokens}, []
    for families in FAMILIES_BY_PRECISION.values():
        tagger: Any = families[model.kind].from_tensors(model.config(), model.tensors(), model.vocabulary_size)
        figures.append(run_to_completion(evaluate_tagger(tagger, fitted.tokenizer, test, seen)))
    return Score(figures[0], figures[1], seconds)


def describe(contestant: Contestant, scores: Sequence[Score], main_figure: str) -> str:
    """Return a line of the table: means over seeds in percent, and the spread of the main figure."""
    cells = [f"{contestant.name:28}"]
    for name in ("accuracy", "accuracy_unseen", "precision", "recall", "f1"):
        values = [100 * score.figures[name] for score in scores if score.figures.get(name) is not None]
        cells.append(f"{np.mean(values):9.2f}" if values else " " * 9)
    main = [100 * score.figures[main_figure] for score in scores]
    cells.append(f"{np.std(main, ddof=1):8.2f}" if len(main) > 1 else " " * 8)
    cells.append(f"{np.mean([100 * score.int8[main_figure] for score in scores]):8.2f}")
    return "".join(cells) + f"{np.mean([score.seconds for score in scores]):9.0f}"


@click.command()
@click.argument("folder", type=Path)
@click.option("--corpus", "names", multiple=True, type=click.Choice(tuple(CORPORA)), help="[default: all]")
@click.option("--only", default="", help="Taggers whose name holds this text. [default: all]")
@click.option("--seeds", default=3, show_default=True)
@click.option("--epochs", type=float, help="Of every network. [default: those of the corpus]")
@click.option("--test", type=Path, help="File to measure on instead of the corpus's own; with one --corpus.")
@click.option("--vectors", type=Path, help="Word vectors that a further network begins with.")
@click.option("--vector-words", type=Path, help="Words of vectors in NumPy's format.")
@click.option("--threads", default=1, show_default=True)
def main(
    folder: Path,
    names: tuple[str, ...],
    only: str,
    seeds: int,
    epochs: float | None,
    test: Path | None,
    vectors: Path | None,
    vector_words: Path | None,
    threads: int,
) -> None:
    """Print accuracy, that of unseen words, F1 of spans and seconds, for each corpus and tagger."""
    set_thread_count(threads)
    for name in names or CORPORA:
        corpus = CORPORA[name]
        if epochs:
            corpus = replace(corpus, training=replace(corpus.training, epochs=epochs))
        train, held_out = corpus.read(folder, test)
        tokens = sum(len(sentence.tokens) for sentence in train)
        click.echo(f"{name}: {len(train):,} sentences, {tokens:,} tokens; measured on {len(held_out):,} sentences")
        click.echo(f"{'':28} accuracy   unseen   precis.   recall       F1     +/-    int8  seconds")
        known = read_vectors(WordVectorFile.open(vectors, vector_words), train) if vectors else None
        for contestant in contestants(corpus, known):
            if only in contestant.name:
                count = seeds if contestant.is_random else 1
                scores = [measure(contestant, seed, train, held_out) for seed in range(1, count + 1)]
                click.echo(describe(contestant, scores, "f1" if corpus.names else "accuracy"))


if __name__ == "__main__":
    main()
