"""Service and worker whose jobs a simulated Ray cluster does, to be killed node by node."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from tests.helpers.fleet import Fleet

CODE = {"PYTHONPATH": str(Path(__file__).parents[3])}
"""Where nodes and worker find Nextword, whichever Python they run by."""
TITLE = b"ray::RayChild"
"""What Ray calls the process of a job."""


def find_ray_python() -> str | None:
    """Return a Python that has Ray, this one or that of NEXTWORD_RAY_PYTHON; None without one."""
    return sys.executable if find_spec("ray") else os.environ.get("NEXTWORD_RAY_PYTHON")


class RayNodes:
    """Nodes of a simulated cluster, of one processor or more each."""

    def __init__(self, python: str, count: int, processors: int = 1, patience: float = 600.0) -> None:
        """Start the nodes; each command is waited for no longer than `patience` seconds."""
        self._patience = patience
        command = [python, "-m", "benchmarks.scale._ray.nodes", str(count), str(processors)]
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed by `close`
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **CODE},
            start_new_session=True,
        )
        self.address = self._answer()

    def kill_one(self) -> None:
        """End a node and its processes at once, and wait until another has taken its place."""
        self._tell("kill")

    def add_one(self) -> None:
        """Add a node, and wait until it is there."""
        self._tell("add")

    def close(self) -> None:
        """End all nodes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._log, self._process:  # closes the pipes, and waits
            pass

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        has_answer = select.select([self._process.stdout], [], [], self._patience)[0]
        line = self._process.stdout.readline().strip() if has_answer else ""
        if not line:
            self._log.seek(0)
            end = self._log.read()[-2000:]
            self.close()
            raise RuntimeError(f"the simulated cluster has ended, or has not started in time: {end}")
        return line


class RayFleet(Fleet):
    """Fleet whose worker has a cluster do the jobs; `kill` takes `node` and `child` as well."""

    def __init__(self, root: Path, database_url: str, nodes: RayNodes, python: str, slots: int = 1) -> None:
        environment = {"NEXTWORD_RAY_ADDRESS": nodes.address, "NEXTWORD_JOB_SLOTS": str(slots)}
        super().__init__(root, database_url, environment=environment | CODE)
        self._nodes, self.pythons = nodes, {"worker": python}

    def is_working(self) -> bool:
        """Return whether a process of the cluster does a job."""
        return bool(_job_processes())

    def kill(self, victim: str) -> bool:
        """Kill a victim, and begin it again; return False where there was no child to kill."""
        if victim == "node":
            self._nodes.kill_one()
            return True
        if victim != "child":
            return super().kill(victim)
        found = _job_processes()
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)


@contextmanager
def ray_fleet(root: Path, database_url: str, python: str, nodes: int, slots: int = 1) -> Iterator[RayFleet]:
    """Run a service, a worker and a simulated cluster of so many nodes."""
    cluster = RayNodes(python, nodes)
    try:
        running = RayFleet(root, database_url, cluster, python, slots)
        try:
            running.begin_all()
            yield running
        finally:
            running.stop()
    finally:
        cluster.close()


def _job_processes() -> list[int]:
    """Return the ids of the processes of this machine that do a job for a cluster."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().startswith(TITLE):
                found.append(int(path.parent.name))
    return found
