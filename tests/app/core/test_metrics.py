"""Metrics: what is counted, read and summed over processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.metrics import Metrics, TextTimes
from tests.helpers.serving import samples

CHILD = """
import os
from app.core.metrics import Metrics
metrics = Metrics()
metrics.add_gauge("nextword_running_texts", "", lambda: 3)
metrics.count_request("next", "ok", 0.002)
metrics.refresh()
print(os.getpid(), flush=True)
input()
"""


def test_count_request_times_those_that_end_well() -> None:
    metrics = Metrics()
    metrics.count_request("next", "ok", 0.002)
    metrics.count_request("next", "overloaded", 0.001)
    seen = samples(metrics.render())
    assert seen["nextword_requests_total ok next"] == seen["nextword_requests_total overloaded next"] == 1
    assert seen["nextword_request_seconds_count next"] == 1
    assert seen["nextword_request_seconds_sum next"] == 0.002


def test_observe_text_divides_by_the_tokens_after_the_first() -> None:
    metrics = Metrics()
    metrics.observe_text(TextTimes(0.5, 2.0, 5))
    metrics.observe_text(TextTimes(0.25, 0.0, 1))
    seen = samples(metrics.render())
    assert (seen["nextword_first_token_seconds_count"], seen["nextword_first_token_seconds_sum"]) == (2, 0.75)
    assert (seen["nextword_token_seconds_count"], seen["nextword_token_seconds_sum"]) == (1, 0.5)


def test_add_counter_never_falls() -> None:
    metrics = Metrics()
    readings = iter([2.0, 5.0, 1.0, 4.0])
    metrics.add_counter("nextword_hits", "", lambda: next(readings))
    seen = [samples(metrics.render())["nextword_hits_total"] for _ in range(4)]
    assert seen == [2, 5, 5, 8]


def test_processes_that_share_a_folder_tell_sums(tmp_path: Path) -> None:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    render = "from app.core.metrics import Metrics; print(Metrics().render().decode())"

    def ask() -> dict[str, float]:
        done = subprocess.run([sys.executable, "-c", render], env=environment, capture_output=True, check=True)
        return samples(done.stdout)

    with counting_process(environment) as first, counting_process(environment) as second:
        seen = ask()
        assert seen["nextword_requests_total ok next"] == 2
        assert seen["nextword_running_texts"] == 6
        first.communicate("\n")
        seen = ask()  # what it counted stays, what it has under way does not
        assert seen["nextword_requests_total ok next"] == 2
        assert seen["nextword_running_texts"] == 3
        second.communicate("\n")


@contextmanager
def counting_process(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that has counted, until a line is sent to it."""
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
