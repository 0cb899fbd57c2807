"""The process that does a job's work, as its worker sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from app.worker.run_protocol import InputFile, RunSpec


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_child_logs_what_fails_unexpectedly_in_the_workers_format(tmp_path: Path, log_format: str) -> None:
    (tmp_path / "work" / "inputs").mkdir(parents=True)
    (tmp_path / "work" / "inputs" / "a.txt").mkdir()  # in the way of the link
    spec = RunSpec(
        job_id="job-1",
        request={"kind": "ngram", "name": "mine", "training_file": "file-1"},
        workdir=str(tmp_path / "work"),
        staging=str(tmp_path / "staging"),
        checkpoints=str(tmp_path),
        threads=1,
        save_seconds=30,
        training=InputFile(str(tmp_path / "a.txt"), "a.txt"),
        log_format=log_format,
    )
    command = [sys.executable, "-m", "app.worker.child.main", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(json.dumps(asdict(spec)).encode() + b"\n")
        child.stdin.flush()
        end = json.loads(child.stdout.readline())
        logged = child.stderr.read().decode()
    assert (end["kind"], end["code"]) == ("Failed", "internal_error")
    if log_format == "json":
        (record,) = map(json.loads, logged.splitlines())
        assert record.items() >= {"job": "job-1", "level": "error", "logger": "app.worker.child.main"}.items()
        assert record["exception"].startswith("Traceback")
    else:
        first, *traceback = logged.splitlines()
        assert first.endswith("job job-1: failed unexpectedly job=job-1")
        assert all(line.startswith("  ") for line in traceback)
