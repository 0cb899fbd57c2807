"""Short trainings: what is noted of each step, and fair turns."""

import numpy as np
import pytest
import torch

from app.experiments.finding import ExperimentInput
from app.experiments.training_run import TrainingRun, mean_loss, next_logprobs, run_interleaved, text_rows
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.utils.progress import run_to_completion

TOKENS = np.random.default_rng(1).integers(1, 9, size=200)
SETTING = ExperimentInput(TOKENS, TOKENS[:50], [str(n) for n in range(9)], 4, 1.0, 10)
SMALL = RecurrentConfig("rnn", "relu", layers=1, embedding_size=4, hidden_size=4)


def test_training_run_records_steps_and_validations() -> None:
    course = TrainingRun(SETTING, SMALL, TrainingConfig(batch_size=4, bptt=5, clip=0))
    run_to_completion(course.run("demo", 6, validations=3))
    assert course.steps == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in course.validated] == [2, 4, 6]
    assert not course.diverged
    tally = course.trainer.stats
    weights = 0.98 ** np.arange(5, -1, -1)
    assert tally.loss == pytest.approx(float(np.dot(weights, np.array(course.losses, float))))


def test_training_run_ends_where_it_diverges() -> None:
    wild = TrainingConfig(batch_size=4, bptt=5, optimiser="sgd", learning_rate=1e12, schedule="constant", clip=0)
    course = TrainingRun(SETTING, SMALL, wild)
    run_to_completion(course.run("demo", 20, validations=2))
    assert course.diverged
    assert course.losses[-1] is None
    assert len(course.steps) < 20


def test_run_interleaved_gives_each_its_time() -> None:
    calls: list[str] = []
    counts = run_to_completion(run_interleaved([lambda: calls.append("a"), lambda: calls.append("b")], 0.01))
    assert counts == [calls.count("a"), calls.count("b")]
    assert min(counts) > 0


def test_text_rows_lie_at_equal_distances() -> None:
    assert text_rows(np.arange(10), 3, 4).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert text_rows(np.arange(3), 2, 5).tolist() == [[0, 1, 2]] * 2


def test_mean_loss_of_next_logprobs_is_that_of_the_model() -> None:
    course = TrainingRun(SETTING, SMALL, TrainingConfig(batch_size=4, bptt=5))
    rows = text_rows(TOKENS, 2, 6)
    logprobs = next_logprobs(course.trainer.network, rows)
    assert torch.allclose(logprobs.exp().sum(1), torch.ones(10))
    model = course.trainer.model()
    scores, _ = model.score(model.advance(model.null_state(2), rows[:, :1].numpy()), rows[:, 1:].numpy())
    assert mean_loss(logprobs, rows) == pytest.approx(-float(scores.mean()), rel=1e-5)
