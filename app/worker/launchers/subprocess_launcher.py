"""Launcher that runs each job's work in a new child process of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from app.worker.launchers.child_run import THREAD_LIMITS, ChildRun
from app.worker.run_protocol import RunSpec

CHILD_COMMAND = (sys.executable, "-m", "app.worker.child.main")


class SubprocessLauncher:
    """Launcher that starts a child process per run."""

    def __init__(self, niceness: int = 19, command: Sequence[str] = CHILD_COMMAND) -> None:
        """Set up a launcher; `niceness` 0 to 19 is the child's, 19 the lowest priority."""
        self._command = [*command, str(niceness)]

    def start(self, spec: RunSpec) -> SubprocessRun:
        """Start the work in a new child process."""
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(spec.threads),
            start_new_session=True,  # Ctrl-C in a terminal goes to the worker only, which then stops the child
        )
        run = SubprocessRun(process)
        run.send_spec(spec)
        return run

    def close(self) -> None:
        """Do nothing: no process is kept between runs."""


class SubprocessRun(ChildRun):
    """Run in a child process of the worker itself."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        super().__init__(process.stdin, process.stdout)
        self._process = process

    def _pid(self) -> int:
        return self._process.pid

    def _kill(self) -> None:
        self._process.kill()

    def _wait(self) -> int:
        return self._process.wait()


def child_environment(threads: int) -> dict[str, str]:
    """Return this process's environment with limits of threads, which libraries read when they are loaded."""
    return {**os.environ, **{name: str(threads) for name in THREAD_LIMITS}}
