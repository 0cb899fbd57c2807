"""Counting by steps whose processes are killed at random moments: the model is that of one process, bit for bit.

The variable PROVE_COUNTS_KILLS says how often each call is killed before it may end.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

KILLS = int(os.environ.get("PROVE_COUNTS_KILLS", "3"))
ORDER, SHARDS, PARTS = 4, 3, 2
LONGEST_SECONDS = 1.5
pytestmark = pytest.mark.prove


def _call(*arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "app.cli.main", *map(str, arguments)]
    command += [] if "freeze" in command else ["--threads", "1"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait(process: subprocess.Popen[bytes], folder: Path, chance: random.Random) -> None:
    """Wait for a random time, or until the process has begun to write a file and a moment longer."""
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0.1, LONGEST_SECONDS))
        return
    before = set(folder.rglob("*"))
    while process.poll() is None and set(folder.rglob("*")) <= before:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.03))


def _run(chance: random.Random, folder: Path, *arguments: str | Path) -> int:
    """Run a call to its end, killed some times before; return how often it was in the middle of its work."""
    killed = 0
    for _ in range(KILLS):
        with _call(*arguments) as process:
            _wait(process, folder, chance)
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
    with _call(*arguments) as process:
        assert process.wait() == 0, arguments
    return killed


def test_steps_killed_at_random_moments_make_the_model_of_one_process(tmp_path: Path) -> None:
    chance, shards = random.Random(5), []
    words = np.random.default_rng(5).zipf(1.3, (SHARDS, 6000, 12)).clip(0, 5000)
    for number in range(SHARDS):
        shards.append(tmp_path / f"{number}.txt")
        shards[-1].write_text("".join(f"{' '.join(map(str, line))}\n" for line in words[number].tolist()))
    work, models, killed = ("--work", tmp_path / "work"), ("--checkpoints", tmp_path / "models", "--quiet"), 0
    for shard in shards:
        killed += _run(chance, tmp_path, "counts", "census", shard, *work)
    killed += _run(chance, tmp_path, "counts", "freeze", "--order", str(ORDER), "--parts", str(PARTS), *work)
    for shard in shards:
        killed += _run(chance, tmp_path, "counts", "map", shard, *work)
    parts = [("--part", f"{part}/{PARTS}") for part in range(1, PARTS + 1)]
    for part in parts:
        killed += _run(chance, tmp_path, "counts", "reduce", *part, *work)
    for number in range(1, ORDER + 1):
        for part in parts:
            killed += _run(chance, tmp_path, "counts", "estimate", "--round", str(number), *part, *work)
    killed += _run(chance, tmp_path, "counts", "pack", "--name", "steps", "--estimated", *work, *models)
    alone = ("--name", "alone", "--order", str(ORDER), "--validation-fraction", "0")
    with _call("train", *shards, *alone, *models) as process:
        assert process.wait() == 0
    assert killed > 0
    newest = max((tmp_path / "models" / "steps").iterdir(), key=lambda path: int(path.name))
    expected = tmp_path / "models" / "alone" / "1"
    for name in ("weights.safetensors", "tokenizer.json"):
        assert (newest / name).read_bytes() == (expected / name).read_bytes()
    print(f"killed {killed} calls of {KILLS * (2 * SHARDS + PARTS * (1 + ORDER) + 2)}")
