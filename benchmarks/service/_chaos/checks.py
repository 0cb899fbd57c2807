"""Checks at the end of a run: what is served, what lies on disk, what memory is in use."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.service._chaos.cluster import Cluster
from benchmarks.service._chaos.jobs import OPEN
from benchmarks.service._chaos.ledger import Ledger
from benchmarks.service._chaos.observer import SHIPPED
from models.checkpoint.repository import list_checkpoints
from tests.helpers.serving import metrics

SETTLE_SECONDS = 150.0
"""Longest until leftovers are swept, which workers do each minute, and everything is idle."""


IDLE_GAUGES = ("requests_under_way", "pending_bytes", "running_texts", "waiting_texts", "slow_places", "quick_places")


def holds_in_time(condition: Callable[[], object], seconds: float = SETTLE_SECONDS) -> bool:
    """Tell whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def check_end(cluster: Cluster, ledger: Ledger, before: dict[str, float], disk_before: int) -> None:
    """Check the cluster once the load is over."""
    swept = holds_in_time(lambda: not leftovers(cluster))
    ledger.check("nothing half-written remains", swept, str(leftovers(cluster)))
    served = holds_in_time(lambda: not unserved(cluster))
    ledger.check("every published model is served at the end", served, str(unserved(cluster)))
    ledger.check("the service is idle at the end", holds_in_time(lambda: is_idle(cluster)), "work is under way")
    check_metrics(cluster, ledger)
    after = cluster.usage()
    print(f"a server process: {before} before, {after} after")
    ledger.check("memory returns", after["memory"] < 1.3 * before["memory"] + 50, f"{before} {after}")
    ledger.check("descriptors return", after["descriptors"] <= before["descriptors"] + 16, f"{before} {after}")
    disk = cluster.disk_bytes()
    print(f"data folder without uploads: {disk_before / 1e6:.1f} MB before, {disk / 1e6:.1f} MB after")
    ledger.check("disk space returns", disk < 1.5 * disk_before + 32e6, f"{disk_before} {disk}")
    check_a_day_later(cluster, ledger)


def check_a_day_later(cluster: Cluster, ledger: Ledger) -> None:
    """Set the clock two days ahead, begin the service again, and check that broken uploads are swept."""
    if cluster.clock is None:
        return
    cluster.clock.set(2 * 86400)
    cluster.restart_in_order()
    incoming = cluster.data / "files" / "incoming"
    swept = holds_in_time(lambda: cluster.is_whole() and not list(incoming.glob("*")))
    ledger.check("uploads that broke off are swept a day later", swept, str(list(incoming.glob("*"))))


def leftovers(cluster: Cluster) -> list[Path]:
    """Return what attempts at jobs and at publishing left behind."""
    temporary = [path for path in cluster.checkpoints.glob(".*") if path.name != ".jobs"]
    return [*cluster.left_over(), *temporary]


def is_idle(cluster: Cluster) -> bool:
    """Tell whether no request but that for the metrics is under way, and no text is generated or waits."""
    values = metrics(cluster.url)
    return all(values[f"nextword_{name}"] == 0 for name in IDLE_GAUGES)


def check_metrics(cluster: Cluster, ledger: Ledger) -> None:
    """Check that the metrics tell of as many models and open jobs as there are."""
    values, served = metrics(cluster.url), len(cluster.client.get("/health/ready")["models"])
    told = values["nextword_models loaded"], values["nextword_models broken"]
    ledger.check("metrics tell how many models are served", told == (served, 0), f"{told}, not {served}")
    is_open = [values[f"nextword_jobs {status}"] for status in OPEN]
    ledger.check("metrics tell how many jobs are open", not any(is_open), str(is_open))


def unserved(cluster: Cluster) -> set[str]:
    """Return what is published and not served, or served and not published, or a problem."""
    ready = cluster.client.get("/health/ready")
    served = set(ready["models"])
    published = {ref.id for ref in list_checkpoints(cluster.checkpoints)}
    problems = {problem["id"] for problem in ready["problems"]}
    return (served ^ published) | (SHIPPED - served) | problems
