"""Training of tasks: stopped and resumed equals never stopped; early stopping; what it begins with."""

import math
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import CheckpointDamaged, InvalidInput, TrainingDiverged, TrainingFailed
from models.neural.encoder.config import EncoderConfig
from models.neural.training.config import STATE_FILE
from models.special_tokens import UNK
from models.tasks.classification.config import ClassifierConfig
from models.tasks.classification.model import RecurrentClassifier
from models.tasks.classification.train import ClassificationProblem, LabelledTexts
from models.tasks.text import TaskText
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.problem import StepContext, rare_words
from models.tasks.training.train import TaskTrainingResult, train_task
from models.tasks.training.trainer import TaskTrainer
from models.utils.progress import Progress, run_to_completion

VOCABULARY = 12
ENCODER = EncoderConfig(embedding_size=6, hidden_size=5, storage="float32")
CONFIG = TaskTrainingConfig(epochs=3, batch_size=4, dropout=0.3, unknown_rate=0.3, learning_rate=0.02, validate_every=3)
Training = Generator[Progress, None, TaskTrainingResult[RecurrentClassifier]]


def examples(count: int, seed: int) -> LabelledTexts:
    """Make texts of random tokens from 3 on, of which those of label 1 hold token 2 somewhere."""
    random = np.random.default_rng(seed)
    labels, texts = random.integers(0, 2, count), []
    for label in labels:
        ids = random.integers(3, VOCABULARY, random.integers(2, 8))
        if label:
            ids[random.integers(len(ids))] = 2
        texts.append(TaskText(ids, tuple(map(str, ids))))
    return LabelledTexts(texts, np.eye(2, dtype=np.float32)[labels])


def problem(train: int = 30, held_out: int = 20, encoder: EncoderConfig = ENCODER) -> ClassificationProblem:
    measured = examples(held_out, 2) if held_out else None
    return ClassificationProblem(ClassifierConfig(), encoder, ["no", "yes"], VOCABULARY, examples(train, 1), measured)


def training(config: TaskTrainingConfig = CONFIG, directory: Path | None = None, *, go_on: bool = False) -> Training:
    return train_task(problem(), config, resume_from=directory if go_on else None, save_to=directory, report_every=1)


def assert_same(
    result: TaskTrainingResult[RecurrentClassifier], expected: TaskTrainingResult[RecurrentClassifier]
) -> None:
    assert (result.model_step, result.steps, result.metrics) == (expected.model_step, expected.steps, expected.metrics)
    tensors = expected.model.tensors()
    assert all(np.array_equal(tensor, tensors[name]) for name, tensor in result.model.tensors().items())


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_train_task_resumed_after_any_stop_gives_the_same_model(averaging: float, tmp_path: Path) -> None:
    config = replace(CONFIG, averaging=averaging)
    expected = run_to_completion(training(config))
    reports = len(list(training(config)))
    for stop_at in range(1, reports + 1, 3):
        directory = tmp_path / str(stop_at)
        stopped = training(config, directory)
        for _ in range(stop_at):
            next(stopped)
        stopped.close()
        assert_same(run_to_completion(training(config, directory, go_on=True)), expected)


def test_train_task_learns_what_one_word_decides() -> None:
    config = TaskTrainingConfig(epochs=40, batch_size=8, dropout=0, learning_rate=0.02)
    result = run_to_completion(train_task(problem(train=200), config))
    assert result.metrics["validation_accuracy"] == 1


def test_train_task_returns_the_weights_of_the_best_measurement() -> None:
    result = run_to_completion(training())
    work = problem()
    figures = run_to_completion(work.measure(result.model))
    assert figures["validation_accuracy"] == result.metrics["validation_accuracy"]


def test_train_task_stops_early_when_measurements_no_longer_improve() -> None:
    result = run_to_completion(training(replace(CONFIG, epochs=60, patience=2)))
    assert result.steps == result.model_step + 2 * CONFIG.validate_every < 480


def test_train_task_without_held_out_examples_returns_the_last_weights() -> None:
    result = run_to_completion(train_task(problem(held_out=0), CONFIG))
    assert result.model_step == result.steps == 24
    assert "validation_accuracy" not in result.metrics


def test_train_task_without_examples_fails() -> None:
    with pytest.raises(TrainingFailed, match="no training examples"):
        run_to_completion(train_task(problem(train=0), CONFIG))


def test_train_task_that_diverges_says_what_to_change() -> None:
    with pytest.raises(TrainingDiverged, match="lower learning_rate"):
        run_to_completion(training(replace(CONFIG, epochs=200, learning_rate=1e30, optimiser="sgd", clip=0)))


def test_train_task_that_diverges_reports_its_last_steps() -> None:
    wild = replace(CONFIG, epochs=200, learning_rate=1e30, optimiser="sgd", clip=0, validate_every=10**6)
    reports: list[Progress] = []
    with pytest.raises(TrainingDiverged) as caught:
        run_to_completion(train_task(problem(), wild, report_every=10**6), reports.append)
    steps = [report.step for report in reports if report.phase == "training"]
    assert steps == list(range(1, caught.value.step + 1))
    assert not all(map(math.isfinite, reports[-1].metrics.values()))


def test_train_task_reports_the_norm_of_its_matrices() -> None:
    result = run_to_completion(training())
    matrices = [tensor for tensor in result.model.tensors().values() if tensor.ndim > 1]
    expected = math.sqrt(sum(float((matrix.astype(np.float64) ** 2).sum()) for matrix in matrices))
    assert result.metrics["weight_norm"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "change", [{"recipe": {"seed": 2}}, {"encoder": {"hidden_size": 6}}, {"examples": {"train": 31}}]
)
def test_train_task_refuses_the_state_of_another_training(change: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    run_to_completion(training(directory=tmp_path))
    other = problem(**change.get("examples", {}), encoder=replace(ENCODER, **change.get("encoder", {})))
    config = replace(CONFIG, **change.get("recipe", {}))
    with pytest.raises(InvalidInput, match="another"):
        run_to_completion(train_task(other, config, resume_from=tmp_path))


def test_train_task_names_a_damaged_state(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_bytes(b"torn")
    with pytest.raises(CheckpointDamaged, match="not a complete training state"):
        run_to_completion(training(directory=tmp_path, go_on=True))


def test_trainer_begins_with_initial_weights_but_where_they_are_nan() -> None:
    embedding = np.full((VOCABULARY, 6), np.nan, np.float32)
    embedding[3] = 7
    trainer = TaskTrainer(problem(), CONFIG, {"encoder.embedding": embedding})
    table = trainer.weights.arrays()["encoder.embedding"]
    assert (table[3] == 7).all()
    assert np.isfinite(table).all()
    assert np.abs(table[4]).max() < 1


def test_trainer_refuses_initial_weights_of_another_size() -> None:
    with pytest.raises(InvalidInput, match=r"embedding.*does not fit"):
        TaskTrainer(problem(), CONFIG, {"encoder.embedding": np.zeros((VOCABULARY, 5), np.float32)})


def test_trainer_opens_forget_gates_at_the_start() -> None:
    arrays = TaskTrainer(problem(), CONFIG).weights.arrays()
    assert arrays["encoder.forward_layers.0.bias_hh"].tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10


def test_step_context_reads_rare_words_as_unknown_at_the_asked_rate() -> None:
    context = StepContext(random=torch.Generator().manual_seed(1), unknown_rate=0.25)
    tokens = torch.full((100, 100), 2)
    tokens[:, 50:] = 3
    read = context.replace_rare(tokens, torch.tensor([False, False, True, False]))
    assert (read[:, 50:] == 3).all()  # not rare
    share = float((read[:, :50] == UNK).double().mean())
    assert abs(share - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 5000)


def test_rare_words_are_those_seen_once() -> None:
    texts = [TaskText(np.array([2, 3]), ("a", "b")), TaskText(np.array([3, 4]), ("b", "c"))]
    assert rare_words(texts, 6).tolist() == [False, False, True, False, True, False]
