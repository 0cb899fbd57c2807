"""Short trainings: what is noted of each step, and fair turns."""

import numpy as np
import pytest

from app.experiments.finding import ExperimentInput
from app.experiments.training_run import TrainingRun, run_interleaved
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
