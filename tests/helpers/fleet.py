"""A service and its workers as processes of their own, which can be killed at any moment and begun again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from app.cli.http_client import ServiceClient, ServiceError
from tests.helpers.databases import free_port

Result = TypeVar("Result")
PACE = {
    "NEXTWORD_LEASE_SECONDS": "2",
    "NEXTWORD_HEARTBEAT_SECONDS": "0.2",
    "NEXTWORD_JOB_SAVE_SECONDS": "0.3",
    "NEXTWORD_JOB_ATTEMPTS": "1000",
    "NEXTWORD_JOB_NICENESS": "0",
    "NEXTWORD_JOB_THREADS": "1",
    "NEXTWORD_JOB_SLOTS": "1",
    "NEXTWORD_THREADS": "1",
    "NEXTWORD_RELOAD_SECONDS": "0.2",
    "NEXTWORD_LOG_LEVEL": "warning",
}


class Fleet:
    """One service and, unless it has one beside it, one worker or more."""

    def __init__(
        self,
        root: Path,
        database_url: str,
        *,
        beside: bool = False,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        log: IO[bytes] | None = None,
    ) -> None:
        self.checkpoints, self.data, self.port = root / "checkpoints", root / "data", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = ServiceClient(self.url)
        self._environment = {**os.environ, **PACE, "NEXTWORD_DATABASE_URL": database_url, **(environment or {})}
        self._log = log
        folders = ["--checkpoints", str(self.checkpoints), "--data", str(self.data)]
        worker = [] if beside else ["--no-worker"]
        self.commands = {"service": ["serve", "--port", str(self.port), *worker, *folders]}
        for number in range(0 if beside else workers):
            self.commands[f"worker-{number}" if number else "worker"] = ["worker", *folders]
        self.pythons: dict[str, str] = {}
        """Other Pythons than this one, by what they run."""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, name: str) -> None:
        command = [self.pythons.get(name, sys.executable), "-m", "app.cli.main", *self.commands[name]]
        self.processes[name] = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=self._log
        )

    def begin_all(self) -> None:
        """Begin every process, and wait until the service answers."""
        for name in self.commands:
            self.begin(name)
        self.until(lambda: self.client.get("/v1/jobs"))

    def stop(self) -> None:
        """End every process in order."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(60)

    def is_working(self) -> bool:
        """Whether there is a process that does a job's work."""
        worker = self.processes.get("worker")
        servers = children(self.processes["service"].pid)
        workers = [worker.pid] if worker else [pid for server in servers for pid in children(server)]
        return any(job_processes(pid) for pid in workers)

    def kill(self, victim: str) -> bool:
        """kill -9, then begin it again; False where there was no child to kill."""
        if victim == "child":
            found = job_processes(self.processes["worker"].pid)
            for child in found:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return bool(found)
        self.processes[victim].kill()
        self.processes[victim].wait()
        self.begin(victim)
        return True

    def until(self, ask: Callable[[], Result], seconds: float = 120) -> Result:
        """What the service answers as soon as it does."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return ask()
            except ServiceError:
                assert time.monotonic() < deadline, "the service does not answer"
                time.sleep(0.2)

    def submit(self, body: dict[str, Any], key: str) -> str:
        """The id of a job that is asked for as often as it takes, and made once."""
        return str(self.until(lambda: self.client.post("/v1/jobs", body, key))["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        return self.until(lambda: self.client.get(f"/v1/jobs/{job_id}"))

    def metrics(self, job_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.until(lambda: self.client.get(f"/v1/jobs/{job_id}/metrics"))["data"]
        return found

    def events(self, job_id: str) -> list[str]:
        found = self.until(lambda: self.client.get(f"/v1/jobs/{job_id}/events"))["data"]
        return [event["event"] for event in found]

    def wait(self, job_id: str, seconds: float = 600) -> dict[str, Any]:
        """The job once it is over."""
        deadline = time.monotonic() + seconds
        while (job := self.job(job_id))["status"] in ("queued", "running", "cancelling"):
            assert time.monotonic() < deadline, f"the job is still {job['status']}: {json.dumps(job)}"
            time.sleep(0.2)
        return job

    def published(self) -> dict[str, str]:
        """`name@version` of all that is published, and which job made it."""
        cards = self.checkpoints.glob("*/*/card.json")
        return {f"{c.parts[-3]}@{c.parts[-2]}": json.loads(c.read_text())["provenance"]["job"] for c in cards}

    def weights(self, model: str) -> bytes:
        return (self.checkpoints / model.replace("@", "/") / "weights.safetensors").read_bytes()

    def left_over(self) -> list[Path]:
        """What attempts left behind, in the directories of jobs and among the models."""
        places = [*(self.data / "jobs").glob("*"), *(self.checkpoints / ".jobs").glob("*")]
        return [*places, *self.checkpoints.glob("*/.*")]


@contextmanager
def fleet(root: Path, database_url: str, *, beside: bool = False) -> Iterator[Fleet]:
    """A running fleet, all of which is gone afterwards."""
    running = Fleet(root, database_url, beside=beside)
    try:
        running.begin_all()
        yield running
    finally:
        running.stop()


def text(path: Path, lines: int = 1500) -> Path:
    """A text of a small grammar, always the same."""
    numbers = random.Random(7)
    words = [f"word{n}" for n in range(120)]
    path.write_text("".join(" ".join(numbers.choices(words, k=8)) + " .\n" for _ in range(lines)))
    return path


def children(pid: int) -> list[int]:
    """Process ids of the children of a process; none where it is gone."""
    with suppress(OSError):
        return [
            int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()
        ]
    return []


def job_processes(worker: int) -> list[int]:
    """Process ids of the work of a worker's jobs: its own children, and those that its fork server has forked."""
    found: list[int] = []
    for child in children(worker):
        found += children(child) if is_fork_server(child) else [child]
    return found


def is_fork_server(pid: int) -> bool:
    with suppress(OSError):
        return b"fork_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def is_running(pid: int) -> bool:
    """Whether a process is there, and not only its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
