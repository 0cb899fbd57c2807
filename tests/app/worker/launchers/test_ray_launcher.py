"""Runs on a stand-in for Ray: what the launcher asks of it, and what becomes of its answers.

`tests/prove/test_ray` has the same on a simulated cluster of the real one.
"""

from __future__ import annotations

import importlib
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from app.cli.commands.worker import build_worker
from app.core.settings import Settings, load_settings
from app.worker.launchers import ray_child
from app.worker.launchers.ray_child import RayChild
from app.worker.run_protocol import Done, Lost, Message, Reported, Stopped, message_to_json
from models.errors import InvalidInput
from tests.helpers.jobs import RUN_SPEC


class RayError(Exception):
    """Error of the stand-in, as all of Ray's are."""


class FakeRay(ModuleType):
    """Ray with one actor, whose stream of reports a test fills."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.reports: queue.Queue[Any] = queue.Queue()
        self.calls: list[tuple[Any, ...]] = []
        self.actor = SimpleNamespace(
            run=SimpleNamespace(options=lambda **options: SimpleNamespace(remote=self._called("run", options, self))),
            stop=SimpleNamespace(remote=self._called("stop")),
        )

    def _called(self, *what: Any) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls.append((*what[:2], *arguments))
            return what[-1] if len(what) > 2 else None

        return call

    def init(self, address: str, **_: Any) -> None:
        self.calls.append(("init", address))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as the real one does

    def remote(self, child: type) -> Any:
        def options(**chosen: Any) -> Any:
            self.calls.append(("options", child, chosen))
            return SimpleNamespace(remote=lambda: self.actor)

        return SimpleNamespace(options=options)

    def wait(self, _: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        deadline = time.monotonic() + timeout
        while self.reports.empty() and time.monotonic() < deadline:
            time.sleep(0.005)
        return ([] if self.reports.empty() else [self]), []

    def __next__(self) -> Any:
        return self.reports.get_nowait()

    def get(self, report: Any) -> Any:
        if isinstance(report, Exception):
            raise report
        return report

    def kill(self, actor: Any) -> None:
        assert actor is self.actor
        self.calls.append(("kill",))
        self.reports.put(RayError("The actor is dead because it was killed.\nMore of it"))

    def shutdown(self) -> None:
        self.calls.append(("shutdown",))

    def report(self, seconds: float, *messages: Message) -> None:
        """Have the actor send a report."""
        self.reports.put({"messages": list(map(message_to_json, messages)), "processor_seconds": seconds})


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRay]:
    fake, errors = FakeRay(), ModuleType("ray.exceptions")
    errors.RayError = RayError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray.exceptions", errors)
    monkeypatch.delitem(sys.modules, "app.worker.launchers.ray_launcher", raising=False)
    yield fake
    sys.modules.pop("app.worker.launchers.ray_launcher", None)


def launcher(address: str = "auto") -> Any:
    return importlib.import_module("app.worker.launchers.ray_launcher").RayLauncher(address, 7)


def test_ray_launcher_asks_for_the_processors_and_memory_of_the_work(ray: FakeRay) -> None:

    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        launcher(address).start(replace(RUN_SPEC, memory_bytes=123))
    init, (_, child, options), (_, streaming, spec, niceness) = ray.calls
    assert (init, child, niceness) == (("init", address), RayChild, 7)
    assert (options["num_cpus"], options["memory"]) == (3, 123)
    assert options["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "3"
    assert streaming == {"num_returns": "streaming"}
    assert spec["job_id"] == "job-1"


def test_ray_launcher_says_where_no_cluster_answers(ray: FakeRay) -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
    with pytest.raises(OSError, match=f"no Ray cluster answers at {address}"):
        launcher(address)
    assert ray.calls == []


def test_ray_launcher_leaves_the_signals_of_the_worker_alone(ray: FakeRay) -> None:
    before = signal.getsignal(signal.SIGTERM)
    launcher().close()
    assert signal.getsignal(signal.SIGTERM) is before
    assert ray.calls[-1] == ("shutdown",)


def test_ray_run_returns_messages_and_the_end_once_and_gives_the_place_back(ray: FakeRay) -> None:
    run = launcher().start(RUN_SPEC)
    assert (run.poll(0), run.processor_seconds()) == ([], None)
    ray.report(1.5, Reported({"phase": "reading"}))
    assert (run.poll(1), run.processor_seconds()) == ([Reported({"phase": "reading"})], 1.5)
    ray.report(2.5, Reported({"phase": "counting"}), Done("x", {"a": 1}))
    assert run.poll(1) == [Reported({"phase": "counting"}), Done("x", {"a": 1})]
    assert (run.poll(0), run.processor_seconds(), ray.calls[-1]) == ([], 2.5, ("kill",))


def test_ray_run_that_vanishes_is_lost(ray: FakeRay) -> None:
    run = launcher().start(RUN_SPEC)
    ray.reports.put(RayError("The node is dead.\nIts log ends with"))
    assert run.poll(1) == [Lost("its process in the cluster was lost (RayError: The node is dead.)")]
    assert run.poll(0) == []


def test_ray_run_is_asked_to_stop_and_killed_only_when_that_takes_too_long(ray: FakeRay) -> None:
    run = launcher().start(RUN_SPEC)
    run.stop(0.2)
    assert ray.calls[-1] == ("stop",)
    assert run.poll(0.01) == []
    time.sleep(0.2)
    (lost,) = run.poll(1)
    assert isinstance(lost, Lost)
    assert ("kill",) in ray.calls


def test_ray_run_is_killed_at_once_when_cancelled(ray: FakeRay) -> None:
    run = launcher().start(RUN_SPEC)
    run.stop(0)
    assert ray.calls[-1] == ("kill",)
    assert isinstance(run.poll(1)[-1], Lost)
    run.stop(0)  # it has ended: nothing more to do


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:port", "auto:"])
def test_ray_address_names_a_head(address: str) -> None:
    with pytest.raises(InvalidInput, match="head:6379"):
        load_settings(ray_address=address)


def test_ray_address_without_ray_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.commands.worker.find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=r"nextword\[ray\]") as told:
        build_worker(Settings(ray_address="auto"), SimpleNamespace(leases=None, files=None), threading.Event())  # type: ignore[arg-type]
    assert told.value.field == "ray_address"


def test_ray_child_streams_messages_up_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(spec: Any, send: Callable[[Message], None], stop: threading.Event) -> Message:
        for step in range(50):
            send(Reported({"step": step, "job": spec.job_id}))
        assert stop.wait(30)
        return Stopped()

    monkeypatch.setattr("app.worker.child.main.run_to_end", work)
    monkeypatch.setattr("app.worker.child.main.lower_priority", lambda niceness: None)
    monkeypatch.setattr("app.core.logs.setup.log_to_stderr", lambda *_: None)
    monkeypatch.setattr(ray_child, "REPORT_SECONDS", 0.1)

    child, reports = RayChild(), []
    for report in child.run(asdict(RUN_SPEC), 0):
        reports.append(report)
        child.stop()
    told = [message for report in reports for message in report["messages"]]
    assert [each["progress"]["step"] for each in told[:-1]] == list(range(50))
    assert told[-1] == {"kind": "Stopped"}
    assert len(reports) < 10
    assert all(report["processor_seconds"] > 0 for report in reports)
