"""Training by two processes: the same weights in both, and those that two trainers in turn make.

The processes are real ones that meet on the loopback interface.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
import torch._dynamo  # an optimizer imports it, which takes seconds: here once for all processes
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_state

from models.errors import NextwordError, StateMismatch
from models.neural.config import RecurrentConfig
from models.neural.training.config import STATE_FILE, TrainingConfig
from models.neural.training.join import join_world
from models.neural.training.train import train
from models.neural.training.trainer import Trainer
from models.neural.training.world import World
from models.threads import set_thread_count
from models.utils.progress import Progress, run_to_completion

TOKENS = np.random.default_rng(3).integers(2, 15, size=300).astype(np.int32)
TOKENS[9::10] = 1
CONFIG = RecurrentConfig("lstm", layers=1, embedding_size=5, hidden_size=6)
RECIPE = TrainingConfig(epochs=1, batch_size=4, bptt=5, dropout=0.3, reset_rate=0.3, average_every=4)  # 15 steps
EACH_STEP = replace(RECIPE, average_every=1, dropout=0.0, reset_rate=0.0, clip=0.2, averaging=0.5)
# Its server imports this module once, and each process begins as a copy of it.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Task:
    """A training by two processes; what they leave lies in `folder`, with their ranks in the names."""

    folder: Path
    recipe: TrainingConfig = RECIPE
    held_out: int = 90
    pause: float = 0.0
    """Seconds after each report."""
    timeout: float = 60.0
    cut: int = 300
    """Tokens that the second process reads."""

    def run(self, rank: int, port: int) -> None:
        set_thread_count(1)
        os.environ.update(WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank))
        try:
            with join_world(self.timeout) as world:
                self._train(world)
        except NextwordError as error:
            (self.folder / f"error-{rank}").write_text(str(error))

    def _train(self, world: World) -> None:
        own = self.folder / f"state-{world.rank}"
        resume_from = own if (own / STATE_FILE).exists() else None
        saving = {"resume_from": resume_from, "save_to": own, "save_seconds": 0.0, "report_every": 1}
        tokens = TOKENS[: self.cut] if world.rank else TOKENS
        work = train(CONFIG, self.recipe, tokens, TOKENS[: self.held_out], 15, world=world, **saving)
        result = run_to_completion(work, self._report)
        save_file(dict(result.model.tensors()), self.folder / f"model-{world.rank}")
        (self.folder / f"metrics-{world.rank}").write_text(f"{result.model_step} {result.steps} {result.metrics}")

    def _report(self, progress: Progress) -> None:
        time.sleep(self.pause)


@contextmanager
def started(task: Task) -> Iterator[list[BaseProcess]]:
    task.folder.mkdir(exist_ok=True)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    processes: list[BaseProcess] = [CONTEXT.Process(target=task.run, args=(rank, port)) for rank in range(2)]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()


def wait(task: Task, process: BaseProcess, rank: int) -> str:
    """Wait for a process; return the error that it ended with."""
    process.join(60)
    assert process.exitcode == 0
    path = task.folder / f"error-{rank}"
    return path.read_text() if path.exists() else ""


def finish(task: Task) -> Mapping[str, np.ndarray]:
    """Train by two processes to the end; return their weights."""
    for path in task.folder.glob("error-*"):
        path.unlink()
    with started(task) as processes:
        assert [wait(task, process, rank) for rank, process in enumerate(processes)] == ["", ""]
    weights, other = (load_file(task.folder / f"model-{rank}") for rank in range(2))
    assert all(np.array_equal(weights[name], other[name]) for name in weights)
    return weights


def wait_for_state(task: Task) -> None:
    end = time.monotonic() + 60
    while not (task.folder / "state-0" / STATE_FILE).exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def average(trainers: list[Trainer]) -> None:
    """Give two trainers the mean of their weights."""
    for first, second in zip(*(trainer.network.parameters() for trainer in trainers), strict=True):
        mean = (first.data + second.data) / 2
        first.data.copy_(mean)
        second.data.copy_(mean)


def test_joint_training_gives_what_two_trainers_in_turn_give(tmp_path: Path) -> None:
    weights = finish(Task(tmp_path / "joint", held_out=0))
    trainers = [Trainer(CONFIG, RECIPE, TOKENS, 15, world=World(rank, 2)) for rank in range(2)]
    for step in range(1, 16):
        for trainer in trainers:
            trainer.advance()
        if step in (4, 8, 12, 15):
            average(trainers)
    expected = trainers[0].model().tensors()
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)


def test_joint_training_that_averages_each_step_is_that_of_one_process(tmp_path: Path) -> None:
    # The mean of the gradients of two halves is that of the batch, where no random numbers tell them apart.
    together = finish(Task(tmp_path / "joint", EACH_STEP, held_out=0))
    alone = run_to_completion(train(CONFIG, EACH_STEP, TOKENS, TOKENS[:0], 15)).model.tensors()
    for name in alone:
        np.testing.assert_allclose(together[name], alone[name], atol=1e-6, rtol=1e-5)


def test_joint_training_goes_on_after_a_kill_to_the_same_bits(tmp_path: Path) -> None:
    task = Task(tmp_path / "whole", replace(RECIPE, averaging=0.5, validate_every=6))
    expected = finish(task)
    killed = replace(task, folder=tmp_path / "killed", pause=0.1)
    with started(killed) as (first, second):
        wait_for_state(killed)
        second.kill()
        ended = "another of the 2 processes that train together has ended, or does not answer; this is number 0"
        assert ended in wait(killed, first, 0)
    assert not (killed.folder / "model-0").exists()
    resumed = finish(replace(killed, pause=0.0))
    assert all(np.array_equal(resumed[name], expected[name]) for name in expected)
    assert (killed.folder / "metrics-0").read_text() == (task.folder / "metrics-0").read_text()
    whole, again = (load_state(folder / "state-0" / STATE_FILE) for folder in (task.folder, killed.folder))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert not (task.folder / "state-1").exists()
    alone = train(CONFIG, task.recipe, TOKENS, TOKENS[:90], 15, resume_from=task.folder / "state-0")
    with pytest.raises(StateMismatch, match="another number of processes"):
        run_to_completion(alone)


def test_joint_training_waits_for_a_process_that_hangs_no_longer_than_the_timeout(tmp_path: Path) -> None:
    task = Task(tmp_path / "hanging", pause=0.1, timeout=2.0)
    with started(task) as (first, second):
        wait_for_state(task)
        assert second.pid is not None
        os.kill(second.pid, signal.SIGSTOP)
        assert "does not answer; this is number 0" in wait(task, first, 0)


def test_joint_training_is_refused_where_the_processes_have_other_texts(tmp_path: Path) -> None:
    task = Task(tmp_path / "other", cut=290)
    with started(task) as processes:
        errors = [wait(task, process, rank) for rank, process in enumerate(processes)]
    assert all("must be given the same files, settings and version" in error for error in errors)
