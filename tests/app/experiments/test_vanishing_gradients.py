"""Shares of the gradient by distance."""

import numpy as np
import pytest
import torch

from app.experiments.claim import Claim
from app.experiments.finding import ExperimentInput
from app.experiments.training_run import TrainingRun
from app.experiments.vanishing_gradients import _claims, _mean_norms, log_shares
from models.neural.analysis import gradient_norms_by_distance
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig


def test_log_shares_by_hand() -> None:
    norms = [[10.0, 1.0, 0.1], [10.0, 0.0, 1.0]]
    assert log_shares(norms, 1).tolist() == pytest.approx([-1, -31 + 1])
    assert log_shares(norms, 2).tolist() == pytest.approx([-2, -1])


def test_vanishing_claims_follow_the_shares() -> None:
    # Shares of the gradient 2 tokens back. Untrained: 1e-4 everywhere. Trained: RNN 1e-5, gated ones 1e-2.
    before = {kind: [[1.0, 1e-2, 1e-4]] * 3 for kind in ("rnn", "gru", "lstm")}
    after = {kind: [[1.0, 1e-1, 1e-2]] * 3 for kind in ("gru", "lstm")} | {"rnn": [[1.0, 1e-1, 1e-5]] * 3}
    claims: list[Claim] = _claims(before, after, 2)
    assert [claim.verdict for claim in claims] == ["holds"] * 6
    assert [claim.mean for claim in claims] == pytest.approx([1, 3, 3, 2, 2, 1])
    assert _claims(before, before, 2)[1].verdict == "does not hold"  # no difference at all


def test_vanishing_norms_are_means_over_all_batches_of_texts() -> None:
    tokens = np.random.default_rng(1).integers(1, 9, size=200)
    inputs = ExperimentInput(tokens, tokens, [str(n) for n in range(9)], 4, 1.0, 10)
    config = RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=4)
    training = TrainingRun(inputs, config, TrainingConfig(batch_size=4, bptt=5))
    texts = torch.from_numpy(np.random.default_rng(2).integers(1, 9, size=(70, 6)))
    whole = gradient_norms_by_distance(training.trainer.network, texts)
    assert _mean_norms(training, texts) == pytest.approx(whole, rel=1e-4)
