"""Training of fill-in networks: the loss against a naive one, resumption, and what both sides are good for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import InvalidInput, TrainingFailed
from models.model import TokenIds
from models.neural.encoder.config import Direction, EncoderConfig
from models.special_tokens import EOS
from models.tasks.fill_in.config import FillInConfig
from models.tasks.fill_in.evaluate import measure_fill_in
from models.tasks.fill_in.train import FillInProblem, Lines
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.problem import StepContext
from models.tasks.training.train import TaskTrainingResult, train_task
from models.tasks.training.trainer import TaskTrainer
from models.utils.progress import run_to_completion

VOCABULARY = 12
ENCODER = EncoderConfig(embedding_size=8, hidden_size=10, separate=True, storage="float32")
CONFIG = TaskTrainingConfig(epochs=2, batch_size=8, dropout=0.2, learning_rate=0.02, validate_every=5)


def lines(count: int, seed: int) -> list[TokenIds]:
    """Make lines `a m b` of which m is 4 to 7: the number of a, 2 or 3, and of b, 8 or 9, together decide it."""
    random = np.random.default_rng(seed)
    sides = random.integers(0, 2, (count, 2))
    return [np.array([2 + a, 4 + 2 * a + b, 8 + b, *([10] * (i % 3)), EOS]) for i, (a, b) in enumerate(sides)]


def problem(direction: Direction = "both", sampled_words: int = 0, count: int = 40) -> FillInProblem:
    held_out = lines(20, 2)
    measured = Lines(held_out, [np.zeros(len(line), np.bool_) for line in held_out])
    settings = FillInConfig(mlp_size=12, sampled_words=sampled_words)
    return FillInProblem(settings, replace(ENCODER, direction=direction), VOCABULARY, lines(count, 1), measured)


def middle_accuracy(direction: Direction) -> float:
    config = TaskTrainingConfig(epochs=15, batch_size=10, dropout=0, learning_rate=0.05, validate_every=1000)
    model = run_to_completion(train_task(problem(direction, count=100), config)).model
    held_out = lines(60, 3)
    oov = [np.arange(len(line)) != 1 for line in held_out]
    return run_to_completion(measure_fill_in(model, held_out, oov)).accuracy


def test_fill_in_network_tells_from_both_sides_what_neither_tells_alone() -> None:
    assert middle_accuracy("both") == 1
    assert 0.3 < middle_accuracy("forward") < 0.7
    assert 0.3 < middle_accuracy("backward") < 0.7


@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
def test_loss_is_that_of_the_model_over_all_words(direction: Direction) -> None:
    work = problem(direction)
    trainer = TaskTrainer(work, CONFIG, work.initial_arrays())
    rows = np.array([3, 1, 7])
    loss = work.loss(rows, StepContext()).item()
    texts = [lines(40, 1)[row] for row in rows]
    masked = run_to_completion(measure_fill_in(trainer.model(), texts, [np.zeros(len(t), np.bool_) for t in texts]))
    assert loss == pytest.approx(masked.loss, abs=1e-5)
    assert len(masked.ranks) == sum(len(text) - 1 for text in texts)


def test_loss_with_every_word_sampled_is_the_whole_softmax() -> None:
    exact, sampled = problem(), problem(sampled_words=VOCABULARY)
    TaskTrainer(exact, CONFIG, exact.initial_arrays())
    TaskTrainer(sampled, CONFIG, sampled.initial_arrays())
    context = StepContext(random=torch.Generator().manual_seed(1))
    rows = np.arange(9)
    assert sampled.loss(rows, context).item() == pytest.approx(exact.loss(rows, context).item(), abs=1e-5)


def assert_same(result: TaskTrainingResult, expected: TaskTrainingResult) -> None:
    assert (result.model_step, result.metrics) == (expected.model_step, expected.metrics)
    for name, tensor in result.model.tensors().items():
        assert np.array_equal(tensor, expected.model.tensors()[name])


def test_train_task_of_fill_in_resumes_bit_for_bit(tmp_path: Path) -> None:
    expected = run_to_completion(train_task(problem(sampled_words=6), CONFIG, report_every=1))
    stopped = train_task(problem(sampled_words=6), CONFIG, save_to=tmp_path, report_every=1)
    for _ in range(4):
        next(stopped)
    stopped.close()
    resumed = train_task(problem(sampled_words=6), CONFIG, resume_from=tmp_path, save_to=tmp_path, report_every=1)
    assert_same(run_to_completion(resumed), expected)


def test_train_task_of_fill_in_refuses_the_state_of_another_text(tmp_path: Path) -> None:
    run_to_completion(train_task(problem(), CONFIG, save_to=tmp_path))
    for other, name in ((problem(count=41), "lines"), (problem("forward"), "encoder"), (problem("both", 5), "fill_in")):
        with pytest.raises(InvalidInput, match=name):
            run_to_completion(train_task(other, CONFIG, resume_from=tmp_path))


def test_fill_in_problem_begins_with_the_frequencies_of_tokens() -> None:
    bias = problem().initial_arrays()["head.output_bias"]
    assert np.exp(bias, dtype=np.float64).sum() == pytest.approx(1, abs=1e-5)
    assert bias.argmax() == EOS


def test_fill_in_problem_without_a_line_fails() -> None:
    with pytest.raises(TrainingFailed):
        TaskTrainer(problem(count=0), CONFIG)


def test_fill_in_problem_refuses_joined_layers() -> None:
    encoder = replace(ENCODER, layers=2, separate=False)
    with pytest.raises(InvalidInput, match="separate"):
        FillInProblem(FillInConfig(), encoder, VOCABULARY, lines(3, 1))
