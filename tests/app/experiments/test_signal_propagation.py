"""Gradients from small and large starts: what shrinks them and what does not."""

import random

import numpy as np
import pytest

from app.experiments import signal_propagation
from app.experiments.finding import ExperimentInput
from models.utils.progress import run_to_completion


@pytest.fixture(scope="module")
def verdicts() -> dict[str, str]:
    tokens = np.array(random.Random(1).choices(range(1, 12), k=600))
    inputs = ExperimentInput(tokens, tokens[:300], [str(i) for i in range(12)], size=32, seconds=1, steps=1, seeds=1)
    finding = run_to_completion(signal_propagation.run(inputs))
    assert {(row["start"], row["nonlinearity"]) for row in finding.rows} == {
        (start, nonlinearity) for start in signal_propagation.STARTS for nonlinearity in ("tanh", "relu")
    }
    return {claim.text: claim.verdict for claim in finding.claims}


@pytest.mark.parametrize("way", ["depth", "time"])
def test_signal_propagation_of_small_starts_vanishes_and_of_large_ones_explodes(verdicts, way):
    assert verdicts[f"from numbers too small the gradient vanishes through {way}"] == "holds"
    assert verdicts[f"from numbers too large it explodes through {way}"] == "holds"


@pytest.mark.parametrize("start", ["xavier", "lecun_normal", "he"])
def test_signal_propagation_of_scaled_starts_keeps_its_size_through_depth(verdicts, start):
    assert verdicts[f"from {start} it keeps its size through depth"] == "holds"
