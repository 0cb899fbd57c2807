"""Forked children of runs: what one leaves behind the next does not see, and how they end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from app.worker.launchers.warm_launcher import ForkedRun, WarmLauncher
from app.worker.run_protocol import Done, End, Lost, Message, Reported, Stopped
from tests.helpers.fleet import children, is_fork_server, is_running
from tests.helpers.jobs import RUN_SPEC
from tests.helpers.serving import wait_for

SERVER = """
import gc, json, os, random, resource, signal, sys, threading, time
import numpy, torch
from app.worker.child import main as child_main
from app.worker.launchers import fork_server
from models import threads

def say(kind, **values): print(json.dumps({"kind": kind, **values}), flush=True)

def is_open(descriptor):
    try: return bool(os.fstat(descriptor))
    except OSError: return False

def state():
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "threads": [len(os.listdir("/proc/self/task")), torch.get_num_threads(), threads.thread_count()],
        "signals": str([signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]),
        "limits": [resource.getrlimit(name) for name in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE)],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "mask": os.umask(0o22),
        "descriptors": [number for number in range(100) if is_open(number)],
        "modules": len(sys.modules),
        "default dtype": str(torch.get_default_dtype()),
        "gradients": torch.is_grad_enabled(),
        "errors": numpy.geterr(),
        "left": hasattr(child_main, "left"),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 18,  # in quarters of a GiB
    }

def pollute():
    os.environ["LEFT"] = "behind"
    os.chdir("/")
    os.umask(0o77)
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    torch.set_num_threads(2); threads.set_thread_count(7)
    torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False); numpy.seterr(all="ignore")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    child_main.left = bytearray(600 << 20)
    random.seed(1); numpy.random.seed(1); torch.manual_seed(1)

def run_child():
    spec = json.loads(sys.stdin.readline() or "null")
    if spec is None: return
    act = spec["request"].get("act", "state")
    if act == "state":
        drawn = [random.random(), numpy.random.random(), torch.rand(1).item()]
        say("Reported", progress={"state": state(), "drawn": drawn, "pid": os.getpid()})
        pollute()
    if act == "wait":
        say("Reported", progress={"pid": os.getpid()})
        assert sys.stdin.readline() == "stop\\n"
        return say("Stopped")
    if act == "vanish": os.kill(os.getpid(), signal.SIGSEGV)
    say("Done", staged=None, result={})

fork_server.run_child = run_child
fork_server.main()
"""
"""A server whose children tell what they find, and leave as much as they can behind."""


@pytest.fixture(scope="module")
def launcher() -> Iterator[WarmLauncher]:
    with closing(WarmLauncher(3, 60, [sys.executable, "-c", SERVER])) as made:
        yield made


def start(launcher: WarmLauncher, act: str) -> ForkedRun:
    return launcher.start(replace(RUN_SPEC, request={"act": act}, threads=1))


def until(run: ForkedRun, done: Callable[[list[Message]], bool]) -> list[Message]:
    messages: list[Message] = []
    deadline = time.monotonic() + 60
    while not done(messages):
        assert time.monotonic() < deadline
        messages += run.poll(0.05)
    return messages


def has_ended(messages: list[Message]) -> bool:
    return bool(messages) and isinstance(messages[-1], End)


def test_forked_child_sees_nothing_of_an_earlier_one(launcher: WarmLauncher) -> None:
    found = []
    for _ in range(3):
        (report, end) = until(start(launcher, "state"), has_ended)
        assert isinstance(report, Reported)
        assert end == Done(None, {})
        found.append(report.progress)
    first, *others = found
    assert first["state"]["priority"] == os.getpriority(os.PRIO_PROCESS, 0) + 3
    assert first["state"]["threads"][:2] == [1, 1]
    for other in others:
        assert other["state"] == first["state"]
        assert all(one != another for one, another in zip(first["drawn"], other["drawn"], strict=True))
    assert len({progress["pid"] for progress in found}) == 3
    assert not any(is_running(progress["pid"]) for progress in found)


def test_forked_child_that_vanishes_is_lost_alone(launcher: WarmLauncher) -> None:
    beside = start(launcher, "wait")
    until(beside, bool)
    (end,) = until(start(launcher, "vanish"), has_ended)
    assert isinstance(end, Lost)
    assert "SIGSEGV" in end.reason
    beside.stop(30)
    assert until(beside, has_ended)[-1] == Stopped()


def test_forked_child_is_killed_at_once_without_time(launcher: WarmLauncher) -> None:
    run = start(launcher, "wait")
    (report,) = until(run, bool)
    assert isinstance(report, Reported)
    run.stop(0)
    (end,) = until(run, has_ended)
    assert isinstance(end, Lost)
    assert "signal 9" in end.reason
    assert not is_running(report.progress["pid"])
    run.stop(0)  # a run that has ended can be stopped again


def test_forked_child_goes_on_without_its_server_and_the_next_run_has_another(launcher: WarmLauncher) -> None:
    run = start(launcher, "wait")
    until(run, bool)
    (server,) = [pid for pid in children(os.getpid()) if is_fork_server(pid)]
    os.kill(server, signal.SIGKILL)
    wait_for(lambda: not is_running(server))
    after = start(launcher, "wait")
    until(after, bool)
    after.stop(30)
    assert until(after, has_ended)[-1] == Stopped()
    run.stop(0)
    (end,) = until(run, has_ended)
    assert isinstance(end, Lost)
    assert "so did the one" in end.reason


def test_run_that_is_stopped_before_its_fork_ends_at_once(launcher: WarmLauncher) -> None:
    slow = WarmLauncher(0, 60, [sys.executable, "-c", "import time; time.sleep(60)"])
    with closing(slow):
        run = start(slow, "state")
        assert run.poll(0) == []
        run.stop(5)
        (end,) = run.poll(0)
        assert isinstance(end, Lost)
        assert run.poll(0) == []


def test_run_whose_server_does_not_start_is_lost() -> None:
    with closing(WarmLauncher(0, 60, [sys.executable, "-c", "raise SystemExit(1)"])) as launcher:
        (end,) = until(start(launcher, "state"), has_ended)
        assert isinstance(end, Lost)
