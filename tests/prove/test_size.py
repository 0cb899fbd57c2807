"""Training within a budget of memory: the process keeps to it, and the model is the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from app.core.container_limits import parse_memory_size
from benchmarks.scale._sampling import Invented, invent
from benchmarks.scale.growth import check_disk, train
from benchmarks.scale.text import DEFAULT_MODEL, TextGenerator
from models.special_tokens import EOS

TOKENS = int(os.environ.get("PROVE_SIZE_TOKENS", "5000000"))
MEMORY = parse_memory_size(os.environ.get("PROVE_SIZE_MEMORY", "512M"))
COMPARED_TOKENS = 20_000_000
"""Tokens up to which the text is counted a second time, all in memory."""


@pytest.mark.prove
def test_training_keeps_within_its_memory(tmp_path: Path) -> None:
    check_disk(tmp_path, TOKENS)
    text = tmp_path / "text"
    TextGenerator(DEFAULT_MODEL, TOKENS).write(text, TOKENS)
    budgets = [MEMORY, None] if TOKENS <= COMPARED_TOKENS else [MEMORY]
    costs = [train(text, tmp_path, budget, threads=2) for budget in budgets]
    print(costs)
    assert costs[0].peak <= MEMORY
    weights = sorted((tmp_path / "models/grown").glob("*/weights.safetensors"))
    assert len(weights) == len(budgets)
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in weights}) == 1


def test_invented_words_are_said_again_as_the_process_of_pitman_and_yor_has_it() -> None:
    draws, exponent = 200_000, 0.75
    invented = Invented(np.zeros(draws, np.int32), np.zeros(draws, np.int32), np.array([0, 0, 1, EOS, EOS], np.int64))
    for _ in range(draws):
        invent(invented, 100.0, exponent)
    shares = np.bincount(invented.occurrences[: invented.sizes[1]])[1:6] / invented.sizes[1]
    # Pitman (2006), lemma 3.11: the share of words that occur j times tends to d (1 - d) (2 - d) ... (j - 1 - d) / j!.
    assert shares == pytest.approx([0.75, 0.09375, 0.0390625, 0.02197, 0.01428], rel=0.1)
