"""A worker beside the service: begun with it, begun again when it dies, gone when the service is, however it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.settings import Settings
from app.server import supervisor
from app.server.supervisor import WorkerSupervisor
from tests.helpers.serving import wait_for

WORKER = """
import os, sys
from pathlib import Path
with Path(sys.argv[1]).open("a") as log: print("begun", os.getpid(), os.environ["NEXTWORD_DATA"], file=log, flush=True)
sys.stdin.read()
with Path(sys.argv[1]).open("a") as log: print("ended", file=log, flush=True)
"""


def command(log: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", WORKER, str(log))


def said(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def test_supervisor_keeps_a_process_as_long_as_the_service(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with WorkerSupervisor(Settings(data=tmp_path / "data"), command(log)):
        wait_for(lambda: said(log))
        assert said(log)[0][2] == str(tmp_path / "data")
    assert [words[0] for words in said(log)] == ["begun", "ended"]


def test_supervisor_restarts_a_process_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "QUICK_DEATH_SECONDS", 0.0)
    log = tmp_path / "log"
    with WorkerSupervisor(Settings(data=tmp_path), command(log)):
        wait_for(lambda: said(log))
        os.kill(int(said(log)[0][1]), signal.SIGKILL)
        wait_for(lambda: len(said(log)) == 2)
    assert [words[0] for words in said(log)] == ["begun", "begun", "ended"]


def test_supervisor_kills_a_process_that_does_not_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "WORKER_STOP_SECONDS", 0.2)
    with WorkerSupervisor(Settings(data=tmp_path), (sys.executable, "-c", "import time; time.sleep(60)")) as running:
        wait_for(lambda: running.process)
    assert running.process is not None
    assert running.process.returncode == -signal.SIGKILL


def test_supervisor_that_is_killed_stops_the_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    service = f"""
import time
from pathlib import Path
from app.server.supervisor import WorkerSupervisor
from app.core.settings import Settings
with WorkerSupervisor(Settings(data=Path({str(tmp_path)!r})), {command(log)!r}): time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", service])
    wait_for(lambda: said(log), seconds=60)
    process.kill()
    process.wait()
    wait_for(lambda: said(log)[-1][0] == "ended")


def test_call_at_eof_lets_a_worker_end_in_order_at_sigterm(tmp_path: Path) -> None:
    folders = ["--data", str(tmp_path / "data"), "--checkpoints", str(tmp_path / "checkpoints")]
    worker = [sys.executable, "-m", "app.cli.main", "worker", "--until-eof", *folders]
    with subprocess.Popen(worker, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while " begins" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        assert "Fatal" not in process.stderr.read()
        assert process.wait() == 0
