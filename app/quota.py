"""How many cores and how much memory this process may use: the container's quota, not the host's."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cpu_quota(cgroup: Path = CGROUP) -> int:
    """Cores, at least 1: the smaller of the control group's quota (version 2 or 1) and the scheduling affinity."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _version_2(cgroup) or _version_1(cgroup)
    return max(1, min(affinity, math.ceil(quota) if quota else affinity))


def memory_quota(cgroup: Path = CGROUP) -> int:
    """Bytes: the smaller of the control group's limit (version 2 or 1) and the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (_read(cgroup / name) for name in ("memory.max", "memory/memory.limit_in_bytes"))
    return min([machine, *(int(limit) for limit in limits if limit.isdecimal())])


def _version_2(cgroup: Path) -> float | None:
    return _ratio(*_read(cgroup / "cpu.max").split()[:2])


def _version_1(cgroup: Path) -> float | None:
    return _ratio(_read(cgroup / "cpu/cpu.cfs_quota_us"), _read(cgroup / "cpu/cpu.cfs_period_us"))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _ratio(quota: str = "", period: str = "") -> float | None:
    """None where there is no quota: no such file, `max`, or -1."""
    limited = quota.isdecimal() and period.isdecimal() and int(period) > 0
    return int(quota) / int(period) if limited else None
