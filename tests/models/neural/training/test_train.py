"""A whole training: reports, validation, early stopping, and what it learns."""

import math
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import TrainingDiverged
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.neural.training.train import TrainingResult, held_out_loss, train
from models.neural.training.trainer import Trainer
from models.utils.progress import Progress
from tests.helpers.language_models import arrays

LINE = [5, 6, 7, 8, 9, 10, 4, 2, 1]
TOKENS = np.array([*LINE, 3, 4, 5, 1, 2, 9, 2, 9, 1] * 12, dtype=np.int32)
NONE = TOKENS[:0]
RECIPE = TrainingConfig(epochs=40, batch_size=4, bptt=8, learning_rate=0.02, dropout=0.0)
LSTM = RecurrentConfig("lstm", layers=1, embedding_size=12, hidden_size=16)


def drive(running: Generator[Progress, None, TrainingResult]) -> tuple[TrainingResult, list[Progress]]:
    reports = []
    while True:
        try:
            reports.append(next(running))
        except StopIteration as end:
            return end.value, reports


@pytest.mark.parametrize(
    "config",
    [
        LSTM,
        replace(LSTM, kind="gru"),
        replace(LSTM, kind="rnn", hidden_size=12),
        replace(LSTM, kind="feedforward", window=4),
        replace(LSTM, kind="rnn", nonlinearity="relu", layers=2, tied=False),
    ],
)
def test_train_learns_a_tiny_text_by_heart(config: RecurrentConfig) -> None:
    trained, reports = drive(train(config, RECIPE, TOKENS, NONE, 11))
    # Only which of three equally frequent lines comes next is open: log 3 nats in 18 tokens, were it random.
    assert trained.metrics["perplexity"] < math.exp(math.log(3) / 6)
    assert reports[0].metrics["perplexity"] > 5
    scores, _ = trained.model.score(trained.model.begin_state(1), np.array([LINE]))
    assert np.exp(scores[0, 1:]).min() > 0.9


def test_train_reports_steps_epochs_and_speed() -> None:
    trained, reports = drive(train(LSTM, replace(RECIPE, epochs=2), TOKENS, NONE, 11, report_every=4))
    steps = 2 * math.ceil(len(TOKENS) / 32)
    assert [r.step for r in reports] == list(range(4, steps + 1, 4))
    assert all((r.phase, r.steps) == ("training", steps) for r in reports)
    assert reports[0].epoch == pytest.approx(4 / (steps / 2))
    assert all(r.tokens_per_second and r.tokens_per_second > 0 for r in reports)
    assert reports[-1].seconds_left == pytest.approx((steps - reports[-1].step) / reports[-1].step, rel=100)
    names = {"learning_rate", "loss", "perplexity", "gradient_norm", "clipped_fraction", "weight_norm"}
    assert set(reports[0].metrics) == names
    assert (trained.model_step, trained.steps) == (steps, steps)


def test_train_validates_each_epoch_and_the_last_step() -> None:
    recipe = replace(RECIPE, epochs=2.5)
    _, reports = drive(train(LSTM, recipe, TOKENS, TOKENS[:30], 11, report_every=10**6))
    training_reports = [r for r in reports if r.phase == "training"]
    assert [round(r.epoch, 1) for r in training_reports] == [1, 2, 2.6]  # 7 steps an epoch, 2.5 of them are 18
    assert any(r.phase == "validating" for r in reports)
    assert training_reports[-1].metrics["validation_perplexity"] == pytest.approx(
        math.exp(training_reports[-1].metrics["validation_loss"])
    )


def test_train_stopped_early_returns_the_best_weights() -> None:
    # Validation text is unlike what is learned, so it soon gets worse.
    other = np.random.default_rng(2).integers(2, 11, size=60)
    recipe = replace(RECIPE, patience=3, validate_every=2, schedule="constant")
    trained, reports = drive(train(LSTM, recipe, TOKENS, other, 11))
    losses = {r.step: r.metrics["validation_loss"] for r in reports if "validation_loss" in r.metrics}
    best = min(losses, key=lambda step: losses[step])
    assert trained.model_step == best
    assert trained.steps == best + 3 * 2 < reports[-1].steps
    scores, _ = trained.model.score(trained.model.begin_state(1), other[None])
    assert -scores.mean() == pytest.approx(losses[best], abs=1e-6)


def test_train_validates_the_model_that_will_be_stored() -> None:
    config = replace(LSTM, storage="float16")
    trained, _ = drive(train(config, replace(RECIPE, epochs=3), TOKENS, TOKENS[:40], 11))
    again = type(trained.model).from_tensors(trained.model.config(), trained.model.tensors(), 11)
    scores, _ = again.score(again.begin_state(1), TOKENS[None, :40].astype(np.int64))
    assert trained.metrics["best_perplexity"] == pytest.approx(math.exp(-scores.mean(dtype=np.float64)), abs=1e-6)


def test_train_reports_the_l2_norm_of_the_matrices_it_publishes() -> None:
    trained, reports = drive(train(LSTM, replace(RECIPE, epochs=2), TOKENS, NONE, 11))
    matrices = [weight for weight in trained.model.tensors().values() if weight.ndim > 1]
    expected = math.sqrt(sum(float((matrix.astype(np.float64) ** 2).sum()) for matrix in matrices))
    assert trained.metrics["weight_norm"] == pytest.approx(expected)
    assert reports[-1].metrics["weight_norm"] > 0


def test_train_keeps_weights_smaller_with_more_decay() -> None:
    decays = (0.0, 5.0)
    norms = [drive(train(LSTM, replace(RECIPE, weight_decay=d), TOKENS, NONE, 11))[0].metrics for d in decays]
    assert norms[1]["weight_norm"] < 0.8 * norms[0]["weight_norm"]


WILD = replace(RECIPE, optimiser="sgd", learning_rate=100.0, schedule="constant", clip=0.0, epochs=20)
UNBOUNDED = RecurrentConfig("rnn", "relu", layers=1, embedding_size=12, hidden_size=16)


def diverge(report_every: int) -> tuple[TrainingDiverged, list[Progress]]:
    reports, running = [], train(UNBOUNDED, WILD, TOKENS, NONE, 11, report_every=report_every)
    with pytest.raises(TrainingDiverged) as caught:
        reports += running
    return caught.value, reports


def test_train_that_diverges_reports_each_of_its_last_steps() -> None:
    error, reports = diverge(10**6)
    trainer = Trainer(UNBOUNDED, WILD, TOKENS, 11)
    exact = [trainer.advance() for _ in range(error.step - 1)]
    assert exact
    assert [report.step for report in reports] == list(range(1, error.step + 1))
    assert [(r.metrics["loss"], r.metrics["gradient_norm"]) for r in reports[:-1]] == exact
    assert not all(map(math.isfinite, reports[-1].metrics.values()))
    assert {report.phase for report in reports} == {"training"}
    often = [report.step for report in diverge(2)[1]]
    reported = (error.step - 1) // 2 * 2
    assert often == [*range(2, reported + 1, 2), *range(reported + 1, error.step + 1)]


def test_train_that_diverges_saves_no_half_of_a_step(tmp_path: Path) -> None:
    running = train(UNBOUNDED, WILD, TOKENS, NONE, 11, save_to=tmp_path, report_every=10**6)
    next(running)  # the first of the last steps
    running.close()
    assert list(tmp_path.iterdir()) == []


def test_train_gives_the_same_model_for_a_seed() -> None:
    def weights(seed: int) -> np.ndarray:
        recipe = replace(RECIPE, epochs=1, dropout=0.3, seed=seed)
        model = drive(train(LSTM, recipe, TOKENS, NONE, 11))[0].model
        return np.concatenate([weight.ravel() for weight in model.tensors().values()])

    assert np.array_equal(weights(5), weights(5))
    assert not np.array_equal(weights(5), weights(6))


GRU = RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=4)
HELD_OUT = np.random.default_rng(0).integers(9, size=203).astype(np.int32)


def random_model() -> RecurrentModel:
    network = Network(GRU, 9)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    return RecurrentModel(GRU, arrays(network), 9)


def drive_loss(tokens: np.ndarray[tuple[int], np.dtype[np.int32]]) -> tuple[float, list[Progress]]:
    running, reports = held_out_loss(random_model(), tokens), []
    while True:
        try:
            reports.append(next(running))
        except StopIteration as end:
            return end.value, reports


def alone(tokens: np.ndarray[tuple[int], np.dtype[np.int32]]) -> float:
    scorer = random_model()
    scores, _ = scorer.score(scorer.begin_state(1), tokens.astype(np.int64)[None])
    return -scores.sum(dtype=np.float64)


def test_held_out_loss_of_a_short_text_is_one_pass() -> None:
    loss, reports = drive_loss(HELD_OUT)
    assert loss == pytest.approx(alone(HELD_OUT) / 203, abs=1e-6)
    assert len(reports) == 4  # slices of 64
    assert reports[-1].fraction == 1


def test_held_out_loss_reads_a_long_text_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.neural.training.train._VALIDATION_TOKENS_PER_ROW", 60)
    loss, _ = drive_loss(HELD_OUT)  # three rows of 68, 68 and 67 tokens, each from the start state
    parts = HELD_OUT[:68], HELD_OUT[68:136], HELD_OUT[136:]
    assert loss == pytest.approx(sum(map(alone, parts)) / 203, abs=1e-6)
