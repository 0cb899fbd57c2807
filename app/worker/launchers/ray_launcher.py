"""Launcher that has a Ray cluster do the work, each run as an actor with its processors and memory.

Ray finds the place and tells of a node that is lost. Everything else stays as it is: the lease in the database alone
decides who may publish, and an attempt whose node is lost is one more lost attempt. All nodes need this program, and
the folders of checkpoints and data under the same paths. Needs the extra `nextword[ray]`.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from dataclasses import asdict
from typing import Any

import ray
from ray.exceptions import RayError

from app.worker.launchers.child_run import THREAD_LIMITS
from app.worker.launchers.ray_child import RayChild
from app.worker.launchers.stoppable_run import StoppableRun
from app.worker.run_protocol import End, Lost, Message, RunSpec, message_from_json

logger = logging.getLogger(__name__)
NAMESPACE = "nextword"
CONNECT_SECONDS = 5.0
"""Time in which the cluster's head must take a connection."""


class RayLauncher:
    """Launcher of runs on the Ray cluster of which this machine is a node."""

    def __init__(self, address: str, niceness: int = 19) -> None:
        """Join the cluster at `address`, `auto` for this machine's own. Raises OSError where there is none."""
        _check_reachable(address)
        self._niceness = niceness
        self._child = ray.remote(RayChild)
        stop_signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        ray.init(address, namespace=NAMESPACE, logging_level=logging.WARNING, log_to_driver=False)
        if threading.current_thread() is threading.main_thread():  # Ray has set its own
            for number, handler in stop_signals.items():
                signal.signal(number, handler)

    def start(self, spec: RunSpec) -> RayRun:
        """Ask for a process with the work's processors and memory; it begins where and when there is room."""
        limits = {name: str(spec.threads) for name in THREAD_LIMITS}
        actor = self._child.options(
            num_cpus=spec.threads,
            memory=spec.memory_bytes,
            max_concurrency=2,  # `stop` is called while `run` runs
            runtime_env={"env_vars": limits},
        ).remote()
        return RayRun(actor, actor.run.options(num_returns="streaming").remote(asdict(spec), self._niceness))

    def close(self) -> None:
        """Leave the cluster."""
        ray.shutdown()


class RayRun(StoppableRun):
    """Run in an actor that streams its reports."""

    def __init__(self, actor: Any, reports: Any) -> None:
        super().__init__()
        self._actor, self._reports = actor, reports
        self._processor_seconds: float | None = None

    def _receive(self, seconds: float) -> list[Message]:
        messages = self._next_report(seconds)
        if messages and isinstance(messages[-1], End):
            self._ended = True
            self._kill()  # its processors and memory are for others
        return messages

    def processor_seconds(self) -> float | None:
        """Return the processor time of the work by its last report, in seconds; None before the first."""
        return self._processor_seconds

    def _ask_to_stop(self) -> None:
        self._actor.stop.remote()

    def _next_report(self, seconds: float) -> list[Message]:
        try:
            ready, _ = ray.wait([self._reports], timeout=seconds)
            if not ready:
                return []
            report = ray.get(next(self._reports))
        except (RayError, StopIteration) as error:
            return [Lost(_lost_reason(error))]
        self._processor_seconds = report["processor_seconds"]
        return [message_from_json(each) for each in report["messages"]]

    def _kill(self) -> None:
        ray.kill(self._actor)


def _check_reachable(address: str) -> None:
    """Raise OSError where nothing listens: Ray would go on trying for minutes, and not say so plainly."""
    host, _, port = address.rpartition(":")
    if not host:  # `auto`
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise OSError(f"no Ray cluster answers at {address}: {error}") from error


def _lost_reason(error: Exception) -> str:
    """Return what became of a run, by Ray's exception, whose first line says it."""
    first_line = str(error).strip().partition("\n")[0][:200]
    return f"its process in the cluster was lost ({type(error).__name__}: {first_line})"
