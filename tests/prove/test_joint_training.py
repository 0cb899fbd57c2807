"""Command line under torchrun: two processes publish one model, whether or not one of them was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint.load import load
from tests.helpers.fleet import children, text

OPTIONS = ["--kind", "gru", "--layers", "1", "--hidden-size", "24", "--embedding-size", "24", "--average-every", "8"]


def begin(folder: Path, restarts: int = 0) -> subprocess.Popen[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    launcher += [f"--max-restarts={restarts}"]
    command = ["-m", "app.cli.main", "train", str(folder / "text.txt"), "--name", "joint", *OPTIONS, "--json"]
    places = ["--checkpoints", str(folder / "checkpoints"), "--workdir", str(folder / "state")]
    return subprocess.Popen(
        [*launcher, *command, *places],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_steps(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("training"):
        assert line, "no training was begun"


def kill_one(process: subprocess.Popen[str]) -> None:
    wait_for_steps(process)
    os.kill(max(children(process.pid)), signal.SIGKILL)


@pytest.mark.prove
def test_two_processes_of_torchrun_publish_one_model(tmp_path: Path) -> None:
    text(tmp_path / "text.txt", lines=6000)
    with begin(tmp_path) as process:
        kill_one(process)
        killed = time.monotonic()
        _, errors = process.communicate(timeout=120)
        assert process.returncode != 0
        assert time.monotonic() - killed < 60
        assert "ended" in errors or "Signal 9" in errors
    assert not (tmp_path / "checkpoints" / "joint").exists()
    results = []
    for restarts in (0, 1):
        with suppress(FileNotFoundError):
            (tmp_path / "state" / "training.safetensors").unlink()
        with begin(tmp_path, restarts) as process:
            if restarts:
                kill_one(process)
            out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        results.append(json.loads(out))  # of one process: the other one prints nothing
    assert [result["model"] for result in results] == ["joint@1", "joint@2"]
    assert results[0]["metrics"]["training"]["processes"] == 2
    first, second = (load(tmp_path / "checkpoints" / "joint" / version) for version in "12")
    assert first.card.provenance.metrics["validation"] == second.card.provenance.metrics["validation"]
    again = second.model.tensors()
    assert all(np.array_equal(weight, again[name]) for name, weight in first.model.tensors().items())
