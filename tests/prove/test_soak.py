"""A service at its capacity for minutes, with hang-ups and deadlines: memory and latency stay what they were."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.serving import get, idle, metrics, process, publish_all, wait_for
from tests.helpers.storm import ANSWERS, failures, storm

MINUTES = float(os.environ.get("PROVE_SOAK_MINUTES", "10"))
ROUND = 200


@pytest.mark.prove
def test_memory_and_latency_over_time(tmp_path: Path) -> None:
    publish_all(tmp_path / "models")
    with process(tmp_path / "models", tmp_path / "data") as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        memory, latency, begun, seed = [], [], time.monotonic(), 0
        while len(memory) < 4 or time.monotonic() < begun + 60 * MINUTES:
            found = storm(url, range(seed, seed + ROUND), clients=32)
            seed += ROUND
            assert {status for status, _ in found} <= ANSWERS | {0}
            wait_for(lambda: idle(url))
            memory.append(metrics(url)["process_resident_memory_bytes"] / 1e6)
            latency.append(float(np.quantile([seconds for status, seconds in found if status == 200], 0.5)))
            print(f"{time.monotonic() - begun:6.0f} s  {memory[-1]:6.0f} MB  median {1e3 * latency[-1]:6.1f} ms")
        assert server.poll() is None
        assert not failures(url)
        # What the first rounds allocate is kept for the next ones, and grows no more.
        middle = len(memory) // 2
        assert max(memory[middle:]) < 1.1 * max(memory[:middle])
