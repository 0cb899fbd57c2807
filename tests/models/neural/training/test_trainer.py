"""Steps of a training, and the state carried from step to step."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.errors import InvalidInput, TrainingDiverged, TrainingFailed
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.neural.training.trainer import Trainer, TrainingStats
from models.special_tokens import EOS

CONFIG = RecurrentConfig("lstm", layers=2, embedding_size=5, hidden_size=6)
# A rate of nearly nothing, so that the weights stay what they are while the streams move on.
STILL = TrainingConfig(batch_size=3, bptt=4, dropout=0.0, optimiser="sgd", learning_rate=1e-30, reset_rate=0.0)
TOKENS = np.random.default_rng(1).integers(2, 12, size=120)
TOKENS[7::8] = EOS


def advance(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.advance()
    return trainer


def test_trainer_carries_the_state_of_one_long_pass() -> None:
    trainer = advance(Trainer(CONFIG, STILL, TOKENS, 12), 5)
    # Rows begin at the lines of positions 0, 40 and 80, with the boundary; five windows of four tokens are behind them.
    read = [[EOS, *TOKENS[begin : begin + 19]] for begin in (0, 40, 80)]
    model = trainer.model()
    expected = model.advance(model.null_state(3), np.array(read))
    for i, vectors in enumerate(expected):
        torch.testing.assert_close(trainer.tensors()[f"vectors.{i}"], torch.from_numpy(vectors), atol=1e-6, rtol=1e-5)


def test_trainer_reset_row_equals_a_model_that_starts_at_its_line() -> None:
    trainer = advance(Trainer(CONFIG, TrainingConfig(**{**STILL.__dict__, "reset_rate": 1.0}), TOKENS, 12), 3)
    # Lines have eight tokens and windows four: the third window begins each row's second line, `</s>` and three tokens.
    model = trainer.model()
    first = np.array([TOKENS[begin : begin + 3].tolist() for begin in (8, 48, 88)])
    expected = model.advance(model.begin_state(3), first)
    for i, vectors in enumerate(expected):
        torch.testing.assert_close(trainer.tensors()[f"vectors.{i}"], torch.from_numpy(vectors), atol=1e-6, rtol=1e-5)


def test_trainer_loss_is_the_mean_score_of_its_batch() -> None:
    trainer = Trainer(CONFIG, STILL, TOKENS, 12)
    model = trainer.model()
    trainer.advance()
    targets = np.array([TOKENS[begin : begin + 4].tolist() for begin in (0, 40, 80)])
    scores, _ = model.score(model.begin_state(3), targets)
    assert trainer.stats.loss == pytest.approx(-scores.mean(), abs=1e-6)


def test_trainer_first_loss_is_near_that_of_unigrams() -> None:
    counts = np.bincount(TOKENS, minlength=12) + 1.0
    unigram = -np.log(counts / counts.sum())[TOKENS].mean()
    trainer = Trainer(CONFIG, TrainingConfig(batch_size=3, bptt=40, dropout=0.0), TOKENS, 12)
    trainer.advance()
    assert trainer.stats.loss == pytest.approx(unigram, abs=0.05)


def test_trainer_counts_clipped_steps_and_records_norms_before_clipping() -> None:
    def tally(clip: float) -> TrainingStats:
        return advance(Trainer(CONFIG, TrainingConfig(**{**STILL.__dict__, "clip": clip}), TOKENS, 12), 6).stats

    free, tight = tally(0.0), tally(1e-3)
    assert (free.clipped, tight.clipped) == (0, 6)
    assert tight.gradient_norm == pytest.approx(free.gradient_norm)


def test_training_stats_weigh_the_past_by_a_fiftieth_less_at_each_step() -> None:
    tally = TrainingStats()
    for loss in (1.0, 2.0, 4.0):
        tally.record_step(loss, 1.0, 0.0)
    # (0.98^2 + 2 0.98 + 4) / (0.98^2 + 0.98 + 1)
    assert tally.loss / tally.weight == pytest.approx((0.9604 + 1.96 + 4) / (0.9604 + 0.98 + 1))


def test_training_stats_remember_the_best_validation() -> None:
    tally = TrainingStats(step=4)
    assert tally.record_validation(3.0)
    tally.step = 8
    assert not tally.record_validation(3.0)
    assert not tally.record_validation(3.5)
    assert (tally.best_loss, tally.best_step, tally.worse, tally.validation_loss) == (3.0, 4, 2, 3.5)


def test_trainer_divergence_is_an_error_with_step_and_advice() -> None:
    config = RecurrentConfig("rnn", "relu", layers=2, embedding_size=5, hidden_size=6)
    wild = TrainingConfig(batch_size=3, bptt=4, optimiser="sgd", learning_rate=1e12, schedule="constant", clip=0)
    trainer = Trainer(config, wild, TOKENS, 12)
    with pytest.raises(TrainingFailed, match=r"diverged at step \d+: .* lower learning_rate than 1e\+12"):
        advance(trainer, 20)


@pytest.mark.parametrize(("clip", "advice"), [(0.0, "; set clip to 1, .* lower learning_rate"), (1e30, "lower clip$")])
def test_trainer_divergence_advises_to_set_a_clip_where_there_is_none(clip: float, advice: str) -> None:
    config = RecurrentConfig("rnn", "relu", layers=2, embedding_size=5, hidden_size=6)
    wild = TrainingConfig(batch_size=3, bptt=4, optimiser="sgd", learning_rate=1e12, schedule="constant", clip=clip)
    with pytest.raises(TrainingDiverged, match=advice):
        advance(Trainer(config, wild, TOKENS, 12), 20)


def test_trainer_applies_dropout_in_training_only() -> None:
    dropping = TrainingConfig(**{**STILL.__dict__, "dropout": 0.5})
    model = Trainer(CONFIG, dropping, TOKENS, 12).model()
    plain = Trainer(CONFIG, STILL, TOKENS, 12).model()
    row = TOKENS[None, :20]
    assert np.array_equal(model.score(model.begin_state(1), row)[0], plain.score(plain.begin_state(1), row)[0])
    losses = []
    for recipe in (dropping, STILL):
        trainer = Trainer(CONFIG, recipe, TOKENS, 12)
        trainer.advance()
        losses.append(trainer.stats.loss)
    assert losses[0] != losses[1]


def test_trainer_has_a_dropout_of_its_own_for_each_place() -> None:
    quiet = {**STILL.__dict__, "input_dropout": 0.0, "output_dropout": 0.0, "initial_scale": 1.0}
    losses = set()
    for place in ("dropout", "input_dropout", "output_dropout", "word_dropout", "weight_drop"):
        trainer = advance(Trainer(CONFIG, TrainingConfig(**{**quiet, place: 0.5}), TOKENS, 12), 1)
        losses.add(trainer.stats.loss)
    losses.add(advance(Trainer(CONFIG, TrainingConfig(**quiet), TOKENS, 12), 1).stats.loss)
    assert len(losses) == 6


def test_trainer_averages_the_weights_it_trains() -> None:
    how = TrainingConfig(batch_size=3, bptt=4, averaging=0.5)
    plain, averaging = (Trainer(CONFIG, replace(how, averaging=a), TOKENS, 12) for a in (0.0, 0.5))
    trained = []
    for _ in range(3):
        advance(averaging, 1)
        trained.append(advance(plain, 1).model().tensors()["layers.0.weight_hh"].copy())
    expected = (0.25 * trained[0] + 0.5 * trained[1] + trained[2]) / 1.75
    np.testing.assert_allclose(averaging.model().tensors()["layers.0.weight_hh"], expected, atol=1e-5, rtol=1.3e-6)


def test_trainer_with_a_sample_of_all_words_equals_the_whole_softmax() -> None:
    plain = advance(Trainer(CONFIG, TrainingConfig(batch_size=3, bptt=4, dropout=0), TOKENS, 12), 1)
    sampled = TrainingConfig(batch_size=3, bptt=4, dropout=0, sampled_words=12)
    assert advance(Trainer(CONFIG, sampled, TOKENS, 12), 1).stats.loss == pytest.approx(plain.stats.loss, abs=1e-6)


def test_trainer_refuses_an_empty_text() -> None:
    with pytest.raises(TrainingFailed, match="no tokens"):
        Trainer(CONFIG, STILL, TOKENS[:0], 12)


@pytest.mark.parametrize("stranger", [-1, 12])
def test_trainer_refuses_ids_outside_the_vocabulary(stranger: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 11"):
        Trainer(CONFIG, STILL, np.array([3, stranger, 1]), 12)
