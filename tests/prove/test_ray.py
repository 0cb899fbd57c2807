"""Jobs on a simulated Ray cluster whose nodes are killed: each ends once, as if nothing had happened.

Needs Ray, of the extra `ray`: in this environment, or in that of the Python that NEXTWORD_RAY_PYTHON names, beside
Nextword's dependencies.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.scale._ray_cluster import find_ray_python, ray_fleet
from tests.helpers.fleet import text
from tests.prove.test_kills import LANGUAGE_MODELS, prove

KILLS = int(os.environ.get("PROVE_RAY_KILLS", "20"))
"""Of each victim, in jobs of each kind in turn."""
PYTHON = find_ray_python() or ""
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="Ray is not installed (pip install 'nextword[ray]'): nothing shows that jobs on Ray work"
)


def test_ray_jobs_survive_the_kill_of_a_node(tmp_path: Path, database_url: str) -> None:
    with ray_fleet(tmp_path, database_url, PYTHON, nodes=2) as running:
        prove(running, {"node": 1}, text(tmp_path / "text.txt"), ["ngram"])


@pytest.mark.prove
@pytest.mark.parametrize("victim", ["node", "child", "worker"])
def test_ray_jobs_survive_many_kills(tmp_path: Path, database_url: str, victim: str) -> None:
    with ray_fleet(tmp_path, database_url, PYTHON, nodes=3) as running:
        prove(running, {victim: KILLS}, text(tmp_path / "text.txt"), LANGUAGE_MODELS)
