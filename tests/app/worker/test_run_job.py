"""Messages of a job's work when it resumes the state of an earlier attempt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.worker.run_job import run_job
from app.worker.run_protocol import Done, InputFile, Measured, Message, RunSpec, Stopped
from models.threads import thread_count
from tests.helpers.texts import some_text

LSTM = {"layers": 1, "hidden_size": 8, "embedding_size": 8, "batch_size": 4, "bptt": 8, "epochs": 1}


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSpec:
    monkeypatch.chdir(tmp_path)  # the work goes to a directory of its own, as the process is its own
    (tmp_path / "text").write_text(some_text(100))
    request: dict[str, Any] = {"kind": "lstm", "name": "demo", "training_file": "file-1", "config": LSTM}
    places = [str(tmp_path / name) for name in ("work", "staging", "checkpoints")]
    return RunSpec("job-1", request, *places, thread_count(), 60, InputFile(str(tmp_path / "text"), "text"))


def measured(messages: list[Message]) -> dict[int, dict[str, float | None]]:
    return {message.step: message.values for message in messages if isinstance(message, Measured)}


def test_run_job_after_a_loss_at_the_end_sends_all_metrics(order: RunSpec) -> None:
    first: list[Message] = []
    second: list[Message] = []
    assert isinstance(run_job(order, first.append, lambda: False), Done)
    assert isinstance(run_job(order, second.append, lambda: False), Done)
    assert measured(first)
    assert measured(second) == measured(first)


def test_run_job_that_resumes_sends_earlier_metrics(order: RunSpec) -> None:
    whole: list[Message] = []
    parts: list[Message] = []
    run_job(order, whole.append, lambda: False)
    parted = RunSpec(**{**vars(order), "workdir": f"{order.workdir}-parted"})
    assert run_job(parted, parts.append, lambda: len(measured(parts)) == 2) == Stopped()
    sent = len(parts)
    run_job(parted, parts.append, lambda: False)
    assert measured(parts[sent:]) == measured(whole)
