"""The CPU quota of control groups, version 2 and 1."""

import os
from pathlib import Path

import pytest

from app.core.container_limits import cpu_quota, parse_memory_size, spare_cores
from models.errors import InvalidInput


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.parametrize(
    ("content", "cores"), [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8), ("", 8)]
)
def test_cpu_quota_of_cgroup_v2(tmp_path: Path, content: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(content + "\n")
    assert cpu_quota(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("300000", 3), ("-1", 8), ("9000000", 8)])
def test_cpu_quota_of_cgroup_v1(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert cpu_quota(tmp_path) == cores


def test_spare_cores_leave_one_to_the_service(tmp_path: Path) -> None:
    assert spare_cores(tmp_path / "none") == 7
    (tmp_path / "cpu.max").write_text("100000 100000")
    assert spare_cores(tmp_path) == 1


def test_cpu_quota_without_cgroups_is_the_affinity(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none") == 8


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("500", 500),
        ("2k", 2048),
        ("1.5M", 3 << 19),
        ("3 G", 3 << 30),
        ("1GB", 1 << 30),
        ("64 MiB", 64 << 20),
        ("2Gi", 2 << 30),
        ("7b", 7),
        ("50%", 500),
    ],
)
def test_parse_memory_size_takes_bytes_or_a_share(written: str, expected: int) -> None:
    assert parse_memory_size(written, quota=1000) == expected


@pytest.mark.parametrize("written", ["", "much", "-1G", "2GX", "5iB", "5%B", "GB", "1 G B", "101%"])
def test_parse_memory_size_refuses_what_is_no_amount(written: str) -> None:
    with pytest.raises(InvalidInput, match="memory"):
        parse_memory_size(written)
