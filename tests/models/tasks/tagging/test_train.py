"""Training of taggers: resumption, padding, cut sentences, and what the loss is."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.neural.encoder.config import EncoderConfig
from models.tasks.tagging.config import TaggerConfig
from models.tasks.tagging.model import RecurrentTagger
from models.tasks.tagging.texts import TaggedTexts
from models.tasks.tagging.train import TaggingProblem
from models.tasks.text import Alphabet, TaskText
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.problem import StepContext
from models.tasks.training.train import TaskTrainingResult, train_task
from models.tasks.training.trainer import TaskTrainer
from models.utils.progress import Progress, run_to_completion

TAGS = ("B-x", "I-x", "O")
ENCODER = EncoderConfig(
    embedding_size=8, hidden_size=6, character_embedding_size=4, character_hidden_size=3, storage="float32"
)
CONFIG = TaskTrainingConfig(epochs=3, batch_size=4, dropout=0.3, unknown_rate=0.3, learning_rate=0.02, validate_every=3)
SETTINGS = [TaggerConfig(), TaggerConfig(crf=True), TaggerConfig(crf=True, constrained=True)]
Training = Generator[Progress, None, TaskTrainingResult[RecurrentTagger]]


def examples(count: int, seed: int) -> TaggedTexts:
    """Make sentences of random words, in which `a` and the `b` after it are a span: `b` depends on what is before."""
    random, texts, tags = np.random.default_rng(seed), [], []
    for _ in range(count):
        forms = tuple(random.choice(["a", "b", "c"], random.integers(1, 8)))
        row = []
        for i, form in enumerate(forms):
            inside = form == "b" and i > 0 and forms[i - 1] == "a"
            row.append("B-x" if form == "a" else "I-x" if inside else "O")
        texts.append(TaskText(np.array(["abc".index(form) + 2 for form in forms]), forms))
        tags.append(tuple(row))
    return TaggedTexts(texts, tags)


def problem(settings: TaggerConfig, train: int = 30, held_out: int = 20) -> TaggingProblem:
    measured = examples(held_out, 2) if held_out else None
    return TaggingProblem(settings, ENCODER, TAGS, 5, examples(train, 1), measured, Alphabet("abc"))


def training(settings: TaggerConfig, directory: Path | None = None, *, go_on: bool = False) -> Training:
    resume_from = directory if go_on else None
    return train_task(problem(settings), CONFIG, resume_from=resume_from, save_to=directory, report_every=1)


@pytest.mark.parametrize("settings", SETTINGS)
def test_tagging_problem_resumed_after_any_stop_gives_the_same_model(settings: TaggerConfig, tmp_path: Path) -> None:
    expected = run_to_completion(training(settings))
    reports = len(list(training(settings)))
    for stop_at in (1, reports // 2, reports):
        directory = tmp_path / str(stop_at)
        stopped = training(settings, directory)
        for _ in range(stop_at):
            next(stopped)
        stopped.close()
        result = run_to_completion(training(settings, directory, go_on=True))
        assert result.metrics == expected.metrics
        tensors = expected.model.tensors()
        assert all(np.array_equal(tensor, tensors[name]) for name, tensor in result.model.tensors().items())


@pytest.mark.parametrize("settings", SETTINGS)
def test_tagging_problem_learns_tags_that_depend_on_the_word_before(settings: TaggerConfig) -> None:
    config = replace(CONFIG, epochs=20, dropout=0, unknown_rate=0, batch_size=8)
    result = run_to_completion(train_task(problem(settings, train=200), config))
    assert result.metrics["validation_f1"] == 1
    assert result.metrics["validation_accuracy"] == 1


@pytest.mark.parametrize("settings", SETTINGS)
def test_tagging_problem_loss_is_the_mean_over_tokens_whatever_the_padding(settings: TaggerConfig) -> None:
    trainer = TaskTrainer(problem(settings), CONFIG)
    lengths, rows = trainer.problem.lengths, np.array([3, 7, 9])
    together = trainer.problem.loss(rows, StepContext())
    alone = [trainer.problem.loss(rows[i : i + 1], StepContext()) * lengths[row] for i, row in enumerate(rows)]
    assert torch.isclose(together, sum(alone, torch.zeros(())) / lengths[rows].sum(), atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_tagging_problem_loss_is_what_the_model_gives_the_tags(settings: TaggerConfig) -> None:
    trainer = TaskTrainer(problem(settings), CONFIG)
    part, row = examples(30, 1), 5
    loss = float(trainer.problem.loss(np.array([row]), StepContext()).detach())
    (tagging,) = trainer.model().tag([part.texts[row]])
    tags = [TAGS.index(tag) for tag in part.tags[row]]
    if not settings.crf:
        expected = -np.log(tagging.probabilities[range(len(tags)), tags]).mean()
        assert loss == pytest.approx(expected, abs=1e-5)
    assert 0 < loss < 5  # a sequence that is ruled out would cost thousands


def test_tagging_problem_cuts_long_sentences_in_training_only() -> None:
    settings = TaggerConfig(max_training_tokens=3)
    part = examples(20, 1)
    cut = TaggingProblem(settings, ENCODER, TAGS, 5, part, part, Alphabet("abc"))
    assert cut.lengths.tolist() == [min(3, len(text)) for text in part.texts]
    seen = list(cut.measure(TaskTrainer(cut, CONFIG).model()))
    assert seen[-1].steps == 20


def test_tagging_problem_identity_tells_words_tags_and_settings_apart() -> None:
    first, part = problem(TaggerConfig()).identity, examples(30, 1)
    other_tags = TaggedTexts(part.texts, [("O",) * len(tags) for tags in part.tags])
    others = [
        problem(TaggerConfig(crf=True)).identity,
        problem(TaggerConfig(), held_out=0).identity,
        TaggingProblem(TaggerConfig(), ENCODER, TAGS, 5, other_tags, examples(20, 2), Alphabet("abc")).identity,
    ]
    assert problem(TaggerConfig()).identity == first
    assert all(other != first for other in others)
