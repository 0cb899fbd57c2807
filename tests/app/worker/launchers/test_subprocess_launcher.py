"""Child processes of runs: their messages, how they are stopped, and those that vanish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from app.worker.launchers.subprocess_launcher import SubprocessLauncher
from app.worker.run_protocol import Done, End, Failed, Lost, Measured, Message, Reported, Stopped
from tests.helpers.jobs import RUN_SPEC

SAY = """
import json, os, signal, sys, time
def say(kind, **values): print(json.dumps({"kind": kind, **values}), flush=True)
order = json.loads(sys.stdin.readline())
"""


def outcome(script: str, stop_after: float | None = None) -> list[Message]:
    run = SubprocessLauncher(0, [sys.executable, "-c", SAY + script]).start(RUN_SPEC)
    messages: list[Message] = []
    until = time.monotonic() + 30
    while not (messages and isinstance(messages[-1], End)):
        assert time.monotonic() < until
        messages += run.poll(0.05)
        if stop_after is not None and messages:
            run.stop(stop_after)
            stop_after = None
    assert run.poll(0) == []
    return messages


def test_poll_returns_messages_in_order_with_the_end_last() -> None:
    messages = outcome("""
say("Reported", progress={"job": order["job_id"], "threads": order["threads"]})
for step in range(3000): say("Measured", step=step, values={"loss": None})
say("Done", staged="x", result={"a": 1})
time.sleep(60)
""")
    assert messages[0] == Reported({"job": "job-1", "threads": 3})
    assert messages[1:-1] == [Measured(step, {"loss": None}) for step in range(3000)]
    assert messages[-1] == Done("x", {"a": 1})


def test_start_sets_thread_limits_before_libraries_load() -> None:
    messages = outcome('say("Failed", code=os.environ["OMP_NUM_THREADS"], message=os.environ["NUMBA_NUM_THREADS"])')
    assert messages == [Failed("3", "3")]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("sys.exit(3)", "status 3"),
        ("raise RuntimeError", "status 1"),
        ('sys.stdout.write(\'{"kind": "Do\'); sys.exit(0)', "status 0 and no result"),
    ],
)
def test_poll_reports_a_vanished_child_as_lost(script: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    (end,) = outcome(script)
    assert isinstance(end, Lost)
    assert reason in end.reason


def test_stop_lets_a_child_end_by_itself() -> None:
    messages = outcome(
        'say("Reported", progress={}); assert sys.stdin.readline() == "stop\\n"; say("Stopped")', stop_after=30
    )
    assert messages[-1] == Stopped()


def test_stop_kills_a_child_that_exceeds_its_time() -> None:
    messages = outcome('while True: say("Reported", progress={}); time.sleep(0.001)', stop_after=0.3)
    assert isinstance(messages[-1], Lost)


def test_stop_without_time_kills_at_once() -> None:
    messages = outcome('say("Reported", progress={}); time.sleep(60)', stop_after=0)
    assert isinstance(messages[-1], Lost)


def test_child_outlives_neither_its_pipe_nor_its_worker() -> None:
    """The worker of this test is killed; its child then finds its input closed."""
    child = SAY + "print(os.getpid(), file=sys.stderr, flush=True); sys.stdin.readline()"
    worker = f"""
import sys, time
from app.worker.launchers.subprocess_launcher import SubprocessLauncher
from tests.helpers.jobs import RUN_SPEC
SubprocessLauncher(0, [sys.executable, "-c", {child!r}]).start(RUN_SPEC)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", worker], stderr=subprocess.PIPE)
    assert process.stderr is not None
    pid = int(process.stderr.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the child is still there")
