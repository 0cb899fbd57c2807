"""Cores and memory that this process may use: the container's quota, not the host's."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from models.errors import InvalidInput

CGROUP_ROOT = Path("/sys/fs/cgroup")


def cpu_quota(cgroup: Path = CGROUP_ROOT) -> int:
    """Return cores, at least 1: the smaller of the cgroup's quota (v2 or v1) and the scheduling affinity."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    v2 = _ratio(*_read(cgroup / "cpu.max").split()[:2])
    quota = v2 or _ratio(_read(cgroup / "cpu/cpu.cfs_quota_us"), _read(cgroup / "cpu/cpu.cfs_period_us"))
    return max(1, min(affinity, math.ceil(quota) if quota else affinity))


def spare_cores(cgroup: Path = CGROUP_ROOT) -> int:
    """Return the cores for a job: all but one, which the service keeps for itself where there are several."""
    return max(1, cpu_quota(cgroup) - 1)


def memory_quota(cgroup: Path = CGROUP_ROOT) -> int:
    """Return bytes: the smaller of the cgroup's limit (v2 or v1) and the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (_read(cgroup / name) for name in ("memory.max", "memory/memory.limit_in_bytes"))
    return min([machine, *(int(limit) for limit in limits if limit.isdecimal())])


def parse_memory_size(written: str, quota: int | None = None) -> int:
    """Return "500M", "2GB" or "2GiB" (powers of 1024) or "50%" (of what this process may use) as bytes.

    Raises InvalidInput.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:(%)|(?:([kmgt])i?)?b?)", written.strip().lower())
    if match is None or (match[2] and float(match[1]) > 100):
        raise InvalidInput("memory", 'must be bytes as "2G" or "500MB", or a share of the memory as "50%"')
    if match[2]:
        return int(float(match[1]) * (memory_quota() if quota is None else quota) / 100)
    return int(float(match[1]) * 1024 ** "bkmgt".find(match[3] or "b"))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _ratio(quota: str = "", period: str = "") -> float | None:
    """Return quota / period, or None where there is no quota: no such file, `max`, or -1."""
    limited = quota.isdecimal() and period.isdecimal() and int(period) > 0
    return int(quota) / int(period) if limited else None
