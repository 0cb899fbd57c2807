"""Checks at the end of a run: what is served, what is left on disk, what memory and descriptors came back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from benchmarks.service._chaos.cluster import Cluster
from benchmarks.service._chaos.ledger import Ledger
from benchmarks.service._chaos.observer import SHIPPED

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
    for promise, seen in {
        "nothing half-written remains": lambda: leftovers(cluster),
        "every published model is served at the end": lambda: unserved(cluster),
    }.items():
        settled = holds_in_time(lambda seen=seen: not seen())  # type: ignore[misc]
        ledger.check(promise, settled, str(seen()))
    ledger.check("the service is idle at the end", holds_in_time(lambda: is_idle(cluster)), "work is under way")
    after = cluster.usage()
    print(f"a server process: {before} before, {after} after")
    ledger.check("memory returns", after["memory"] < 1.3 * before["memory"] + 50, f"{before} {after}")
    ledger.check("descriptors return", after["descriptors"] <= before["descriptors"] + 16, f"{before} {after}")
    disk = cluster.disk_bytes()
    print(f"data folder without uploads: {disk_before / 1e6:.1f} MB before, {disk / 1e6:.1f} MB after")
    ledger.check("disk space returns", disk < 1.5 * disk_before + 32e6, f"{disk_before} {disk}")


def leftovers(cluster: Cluster) -> list[Path]:
    """Return what attempts at jobs and broken uploads left behind."""
    hidden = [path for path in (cluster.data / "files").glob("*") if path.suffix in (".part", ".tmp")]
    temporary = [path for path in cluster.checkpoints.glob(".*") if path.name != ".jobs"]
    return [*cluster.left_over(), *hidden, *temporary]


def is_idle(cluster: Cluster) -> bool:
    """Tell whether no request but that for the metrics is under way, and no text is generated or waits."""
    with urlopen(f"{cluster.url}/metrics", timeout=60) as answer:
        lines = [line.split() for line in answer.read().decode().splitlines() if not line.startswith("#")]
    values = {line[0]: float(line[-1]) for line in lines}
    return all(values[f"nextword_{name}"] == 0 for name in IDLE_GAUGES)


def unserved(cluster: Cluster) -> set[str]:
    """Return what is published and not served, or served and not published, or a problem."""
    ready = cluster.client.get("/health/ready")
    served = set(ready["models"])
    published = {f"{card.parts[-3]}@{card.parts[-2]}" for card in cluster.checkpoints.glob("*/*/card.json")}
    problems = {problem["id"] for problem in ready["problems"]}
    return (served ^ published) | (SHIPPED - served) | problems
