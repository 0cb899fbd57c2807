"""Jobs on a simulated Ray cluster whose nodes are killed: each ends once, as if nothing had happened.

Needs Ray, of the extra `ray`: in this environment, or in that of the Python that NEXTWORD_RAY_PYTHON names, beside
Nextword's dependencies.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.scale._ray.cluster import find_ray_python, ray_fleet
from tests.helpers.fleet import text
from tests.helpers.serving import wait_for
from tests.prove.test_kills import KINDS, LANGUAGE_MODELS, prove

KILLS = int(os.environ.get("PROVE_RAY_KILLS", "20"))
"""Of each victim, in jobs of each kind in turn."""
LONG = {"kind": "lstm", "config": {**KINDS["lstm"]["config"], "epochs": 30}}
PYTHON = find_ray_python() or ""
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="Ray is not installed (pip install 'nextword[ray]'): nothing shows that jobs on Ray work"
)


def test_ray_jobs_survive_the_kill_of_a_node(tmp_path: Path, database_url: str) -> None:
    with ray_fleet(tmp_path, database_url, PYTHON, nodes=2) as running:
        prove(running, {"node": 1}, text(tmp_path / "text.txt"), ["ngram"])


@pytest.mark.prove
def test_ray_job_is_cancelled_and_given_back_by_a_worker_that_stops(tmp_path: Path, database_url: str) -> None:
    with ray_fleet(tmp_path, database_url, PYTHON, nodes=1) as running:
        file = running.client.upload(text(tmp_path / "text.txt"))
        cancelled = running.submit({"name": "cancelled", "training_file": file, **LONG}, "cancelled")
        wait_for(lambda: running.metrics(cancelled), seconds=120, pause=0.2)
        running.client.post(f"/v1/jobs/{cancelled}/cancel")
        assert running.wait(cancelled, 30)["status"] == "cancelled"
        wait_for(lambda: not running.is_working(), seconds=30)

        resumed = running.submit({"name": "resumed", "training_file": file, **LONG}, "resumed")
        wait_for(lambda: running.metrics(resumed), seconds=120, pause=0.2)
        running.processes["worker"].terminate()
        assert running.processes["worker"].wait(60) == 0
        wait_for(lambda: not running.is_working(), seconds=30)
        assert running.job(resumed)["status"] == "queued"
        running.begin("worker")
        assert running.wait(resumed)["status"] == "succeeded"


@pytest.mark.prove
@pytest.mark.parametrize("victim", ["node", "child", "worker"])
def test_ray_jobs_survive_many_kills(tmp_path: Path, database_url: str, victim: str) -> None:
    with ray_fleet(tmp_path, database_url, PYTHON, nodes=3) as running:
        prove(running, {victim: KILLS}, text(tmp_path / "text.txt"), LANGUAGE_MODELS)
