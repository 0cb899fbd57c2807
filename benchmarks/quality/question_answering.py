"""Readers beside the nearest sentence, on bAbI's tasks and on pieces of SQuAD.

Takes the folder of corpora. Of each task of bAbI (`babi/qa1.txt` and so on, about 1,000 questions each) a tenth of the
stories is held out and measured, and chooses nothing. A tenth of the other stories tells the reader when to stop, and
it learns from the rest, with the sentences that support each answer. `--test FOLDER` measures on files of the same
names there instead, stories of another seed of the generator. Of the pieces of SQuAD (`squad-pieces/val.context`) a
tenth of the passages is held out; a reader may begin with word vectors (`--vectors`, with `--vector-words` for a .npy
file). Seconds are of processor time, so that other work on the machine does not count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.data.labelled.config import QuestionFormat
from models.data.labelled.examples import Question
from models.data.labelled.formats import read_questions
from models.data.labelled.splits import hold_out
from models.data.word_vectors import WordVectorFile
from models.neural.encoder.config import EncoderConfig
from models.tasks.question_answering.config import AnyAnswererConfig, NearestSentenceConfig, ReaderConfig
from models.tasks.question_answering.evaluate import evaluate_answerer
from models.tasks.question_answering.fit import fit_answerer
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.initial_weights import WordVectors
from models.tasks.training.options import FitOptions
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

BABI_TASKS = {
    1: "one supporting fact", 4: "two-argument relations", 11: "basic coreference", 12: "conjunction",
    13: "compound coreference", 15: "basic deduction", 20: "agents' motivations", 2: "two supporting facts",
    5: "three-argument relations", 6: "yes/no questions", 7: "counting", 8: "lists", 9: "simple negation",
    10: "indefinite knowledge", 14: "time reasoning", 16: "basic induction", 17: "positional reasoning",
    18: "size reasoning", 19: "path finding",
}  # fmt: skip
"""Tasks of which the corpora have stories (Weston et al. 2015, table 1)."""
HELD_OUT, SPLIT_SEED = 0.1, 0
EXTRA_WORDS = 20_000
"""Words with a vector that join the vocabulary, the most frequent ones."""
WORDS = TokenizerConfig(lowercase=True)
BABI_ENCODER = EncoderConfig("gru", embedding_size=32, hidden_size=32)
BABI_TRAINING = TaskTrainingConfig(epochs=30, learning_rate=5e-3, weight_decay=0.01, dropout=0.1, patience=8)
SQUAD_ENCODER = EncoderConfig("gru", embedding_size=50, hidden_size=48)
SQUAD_TRAINING = TaskTrainingConfig(epochs=10, dropout=0.3, unknown_rate=0.3)


class Score(NamedTuple):
    """Figures of one model, those of its int8 version, and the seconds that it took to make."""

    figures: dict[str, Any]
    int8: dict[str, Any]
    seconds: float


def measure(
    config: AnyAnswererConfig, options: FitOptions, train: Sequence[Question], test: Sequence[Question]
) -> Score:
    """Make a model and measure it on `test`."""
    began, validation = time.process_time(), list[Question]()
    if isinstance(config, ReaderConfig):
        train, validation = hold_out(train, HELD_OUT, SPLIT_SEED + 1)
    fitted = run_to_completion(fit_answerer(config, train, validation, options))
    seconds, model, figures = time.process_time() - began, fitted.model, []
    for families in FAMILIES_BY_PRECISION.values():
        answerer: Any = families[model.kind].from_tensors(model.config(), model.tensors(), model.vocabulary_size)
        figures.append(run_to_completion(evaluate_answerer(answerer, fitted.tokenizer, test)))
    return Score(figures[0], figures[1], seconds)


def babi_lines(folder: Path, test: Path | None, tasks: Sequence[int], training: TaskTrainingConfig) -> Iterator[str]:
    """Yield the lines of the table of bAbI, in percent of the answers."""
    yield f"{'bAbI':28}{'questions':>10}{'nearest':>9}{'reader':>8}{'int8':>7}{'seconds':>9}"
    for task in tasks:
        train = read_questions([folder / f"babi/qa{task}.txt"], QuestionFormat("babi"))
        if test:
            measured = read_questions([test / f"qa{task}.txt"], QuestionFormat("babi"))
        else:
            train, measured = hold_out(train, HELD_OUT, SPLIT_SEED)
        baseline = measure(NearestSentenceConfig(), FitOptions(WORDS), train, measured)
        reader = measure(ReaderConfig(match_size=32), FitOptions(WORDS, BABI_ENCODER, training), train, measured)
        shares = [100 * figures["exact_match"] for figures in (baseline.figures, reader.figures, reader.int8)]
        cells = "{:9.1f}{:8.1f}{:7.1f}".format(*shares)
        yield f"{task:2} {BABI_TASKS[task]:25}{len(measured):10,}{cells}{reader.seconds:9.0f}"


def squad_lines(folder: Path, training: TaskTrainingConfig, vectors: WordVectorFile | None) -> Iterator[str]:
    """Yield the lines of the table of SQuAD's pieces, in percent."""
    questions = read_questions([folder / "squad-pieces/val.context"], QuestionFormat("squad_pieces"))
    train, test = hold_out(questions, HELD_OUT, SPLIT_SEED)
    yield f"{'SQuAD pieces':32}{'exact match':>12}{'F1':>7}{'F1 int8':>9}{'seconds':>9}"
    span = ReaderConfig("span")
    options = FitOptions(WORDS, SQUAD_ENCODER, training)
    contestants: list[tuple[str, AnyAnswererConfig, FitOptions]] = [
        ("nearest sentence", NearestSentenceConfig("span"), FitOptions(WORDS)),
        ("reader from nothing", span, options),
    ]
    if vectors:
        words = {word.lower() for q in train for text in (q.context, q.question) for word in text.split()}
        known = WordVectors(*vectors.read(words.union(vectors.words(EXTRA_WORDS))), EXTRA_WORDS)
        sized = replace(SQUAD_ENCODER, embedding_size=known.size)
        careful = replace(training, unknown_rate=0.0, input_dropout=0.1)
        contestants.append(("reader from word vectors", span, FitOptions(WORDS, sized, careful, known)))
    for name, config, settings in contestants:
        score = measure(config, settings, train, test)
        exact, f1 = 100 * score.figures["exact_match"], 100 * score.figures["f1"]
        yield f"{name:32}{exact:12.1f}{f1:7.1f}{100 * score.int8['f1']:9.1f}{score.seconds:9.0f}"


@click.command()
@click.argument("folder", type=Path)
@click.option("--task", "tasks", multiple=True, type=click.IntRange(1, 20), help="Of bAbI. [default: all]")
@click.option("--babi/--no-babi", default=True)
@click.option("--squad/--no-squad", default=True)
@click.option("--test", type=Path, help="Folder with files of bAbI to measure on.")
@click.option("--vectors", type=Path, help="Word vectors that a further reader begins with.")
@click.option("--vector-words", type=Path, help="Words of vectors in NumPy's format.")
@click.option("--epochs", type=float, help="Of every reader. [default: at most 30 for bAbI, 10 for SQuAD]")
@click.option("--seed", default=1, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(
    folder: Path,
    tasks: tuple[int, ...],
    babi: bool,
    squad: bool,
    test: Path | None,
    vectors: Path | None,
    vector_words: Path | None,
    epochs: float | None,
    seed: int,
    threads: int,
) -> None:
    """Print the answers that are right, beside the baseline's, and the seconds of each training."""
    set_thread_count(threads)
    trainings = [replace(training, seed=seed) for training in (BABI_TRAINING, SQUAD_TRAINING)]
    for_babi, for_squad = (replace(training, epochs=epochs or training.epochs) for training in trainings)
    if babi:
        for line in babi_lines(folder, test, tasks or tuple(BABI_TASKS), for_babi):
            click.echo(line)
    if squad:
        file = WordVectorFile.open(vectors, vector_words) if vectors else None
        for line in squad_lines(folder, for_squad, file):
            click.echo(line)


if __name__ == "__main__":
    main()
