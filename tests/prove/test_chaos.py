"""Chaos: a thousand kills, full disks, set clocks and damaged models, and nothing is lost."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

import pytest

from benchmarks.service.chaos import run_chaos
from tests.helpers.databases import ABSENT, binaries

KILLS = int(os.environ.get("PROVE_CHAOS_KILLS", "1000"))
"""Kills on PostgreSQL; on SQLite a tenth of them."""


@pytest.mark.prove
@pytest.mark.parametrize(("database", "kills"), [("postgresql", KILLS), ("sqlite", KILLS // 10)])
def test_nothing_is_lost(tmp_path: Path, database: str, kills: int) -> None:
    if database == "postgresql" and binaries() is None:
        pytest.skip(ABSENT)
    assert run_chaos(tmp_path, database, clients=3, kills=kills, seconds=inf) == []
