"""The held-out loss against a plain pass."""

import numpy as np
import pytest
import torch

from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.train import held_out_loss
from models.utils.progress import Progress

CONFIG = RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=4)
TOKENS = np.random.default_rng(0).integers(9, size=203).astype(np.int32)


def model() -> RecurrentModel:
    network = Network(CONFIG, 9)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    return RecurrentModel(CONFIG, network.state_dict(), 9)


def drive(tokens: np.ndarray[tuple[int], np.dtype[np.int32]]) -> tuple[float, list[Progress]]:
    running, reports = held_out_loss(model(), tokens), []
    while True:
        try:
            reports.append(next(running))
        except StopIteration as end:
            return end.value, reports


def alone(tokens: np.ndarray[tuple[int], np.dtype[np.int32]]) -> float:
    scorer = model()
    scores, _ = scorer.score(scorer.begin_state(1), torch.from_numpy(tokens.astype(np.int64))[None])
    return -scores.double().sum().item()


def test_a_short_text_is_one_pass() -> None:
    loss, reports = drive(TOKENS)
    assert loss == pytest.approx(alone(TOKENS) / 203, abs=1e-6)
    assert len(reports) == 4  # slices of 64
    assert reports[-1].fraction == 1


def test_a_long_text_is_read_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.neural.training.train._TOKENS_A_ROW", 60)
    loss, _ = drive(TOKENS)  # three rows of 68, 68 and 67 tokens, each from the start state
    parts = TOKENS[:68], TOKENS[68:136], TOKENS[136:]
    assert loss == pytest.approx(sum(map(alone, parts)) / 203, abs=1e-6)
