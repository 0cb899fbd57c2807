"""Processor time of runs, by readings made up and of a real child."""

from __future__ import annotations

import sys
import time

import pytest

from app.worker.launchers.subprocess_launcher import SubprocessLauncher
from app.worker.processor_share import ProcessorShare, correct_seconds_left
from tests.helpers.jobs import RUN_SPEC


def test_measure_forgets_what_is_older_than_the_window() -> None:
    share = ProcessorShare(2.0)
    readings = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 2.0), (4.0, 2.0)]
    assert [share.measure(*reading) for reading in readings] == [None, None, 1.0, 0.5, 0.0]


def test_measure_without_readings_knows_nothing() -> None:
    share = ProcessorShare(1.0)
    assert [share.measure(now, None) for now in (0.0, 5.0, 10.0)] == [None, None, None]


def test_processor_seconds_of_a_child_grow_while_it_computes() -> None:
    run = SubprocessLauncher(0, [sys.executable, "-c", "while True: pass"]).start(RUN_SPEC)
    until = time.monotonic() + 30
    while (run.processor_seconds() or 0) < 0.05:
        assert time.monotonic() < until
    run.stop(0)
    while not run.poll(0.1):
        pass
    assert run.processor_seconds() is None


@pytest.mark.parametrize(
    ("left", "age", "elapsed", "corrected"),
    [
        (60.0, 1.0, 30.0, 59.0),  # passes with the clock
        (0.5, 2.0, 30.0, 0.0),
        (60.0, 30.0, 30.0, 120.0),  # twice the time for the same work: half as fast
    ],
)
def test_correct_seconds_left_falls_and_then_grows(left: float, age: float, elapsed: float, corrected: float) -> None:
    assert correct_seconds_left(left, age, elapsed) == pytest.approx(corrected)
