"""Faults of processes, database, disk and clock: `inject` draws several, which happen at once."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from benchmarks.service._chaos.cluster import Cluster
from benchmarks.service._chaos.ledger import Ledger

RECOVERY_SECONDS = 300.0
"""Longest until the service is whole after the last fault: its supervisor waits longer after each quick death."""
AT_ONCE = 3
"""Most faults that happen at the same moment."""
CLOCK_OFFSETS = (-86400, -3600, -5, 0, 5, 3600, 86400)
"""Seconds from the true time to which the clock may be set."""


class Fault(NamedTuple):
    """Fault that can be injected."""

    name: str
    weight: int
    kills: bool
    """Whether what it breaks counts as kills."""
    inject: Callable[[], int | None]
    """Returns how many processes it broke, where it counts them: 0 where there was nothing to break."""


class Faults:
    """Faults that are possible on this machine, in an order that a seed fixes."""

    def __init__(self, cluster: Cluster, ledger: Ledger, seed: int) -> None:
        self._cluster, self._ledger = cluster, ledger
        self._order = random.Random(seed)  # the threads of the load draw from the module's generator
        self._recoveries: list[threading.Thread] = []
        self._broken_at = 0.0
        self._whole_at = 0.0
        """When a look began that found the service whole (monotonic)."""
        threading.Thread(target=self._look_for_recovery, daemon=True).start()
        self._possible = list(self._all())

    def _all(self) -> list[Fault]:
        cluster = self._cluster
        faults = [
            Fault("child of a worker killed", 30, True, cluster.kill_child),
            Fault("fork server of a worker killed", 8, True, cluster.kill_fork_server),
            Fault("worker killed", 20, True, lambda: cluster.kill(random.choice(cluster.workers()))),
            Fault("server process killed", 20, True, lambda: self._break("process", cluster.kill_server)),
            Fault("service killed", 6, True, lambda: self._break("process", lambda: cluster.kill("service"))),
            Fault("service stopped and begun", 3, False, lambda: self._break("process", cluster.restart_in_order)),
            Fault("worker stands still", 4, False, lambda: cluster.pause_worker(3)),
        ]
        crash = lambda: self._break("database", lambda: cluster.crash_database(random.uniform(0, 2)))  # noqa: E731
        if cluster.database is None:
            faults.append(Fault("database locked", 3, False, crash))
        else:
            kill = lambda: self._break("database", cluster.kill_backend)  # noqa: E731
            faults.append(Fault("database killed", 8, True, crash))
            faults.append(Fault("database connection killed", 8, True, kill))
            cut = lambda: self._break("database", lambda: self._break("process", cluster.cut_power))  # noqa: E731
            faults.append(Fault("everything killed at once", 2, True, cut))
        if cluster.can_fill:
            fill = lambda: self._break("disk", lambda: cluster.fill_disk(random.uniform(0.5, 4)))  # noqa: E731
            faults.append(Fault("disk full", 5, False, fill))
        if (clock := cluster.clock) is not None:
            faults.append(Fault("clock set", 8, False, lambda: clock.set(random.choice(CLOCK_OFFSETS))))
        return faults

    @property
    def names(self) -> list[str]:
        """Names of what can be injected here."""
        return [fault.name for fault in self._possible]

    def inject(self) -> int:
        """Let up to `AT_ONCE` different ones happen at one moment; returns how many processes they killed."""
        chosen = self._draw(self._order.randint(1, AT_ONCE))
        with ThreadPoolExecutor(len(chosen)) as threads:
            return sum(threads.map(self._inject, chosen))

    def _draw(self, count: int) -> list[Fault]:
        """Draw different faults by their weights."""
        chosen: list[Fault] = []
        for _ in range(count):
            rest = [fault for fault in self._possible if fault not in chosen]
            chosen += self._order.choices(rest, [fault.weight for fault in rest])
        return chosen

    def _inject(self, fault: Fault) -> int:
        self._ledger.inject(fault.name)
        self._ledger.newest = fault.name
        try:
            broken = fault.inject()
        except Exception:
            self._ledger.breach("the faults themselves work", traceback.format_exc())
            return 0
        if broken == 0:
            self._ledger.retract(fault.name)
        return broken or 0 if fault.kills else 0

    def _break(self, kind: str, action: Callable[[], int | None]) -> int | None:
        """Break something, and note it as disturbed until the service is whole again."""
        broken = threading.Event()
        self._recoveries = [thread for thread in self._recoveries if thread.is_alive()]
        recovery = threading.Thread(target=self._recover, args=(kind, broken), daemon=True)
        self._recoveries.append(recovery)
        recovery.start()
        try:
            return action()
        finally:
            self._broken_at = time.monotonic()
            broken.set()

    def _recover(self, kind: str, broken: threading.Event) -> None:
        with self._ledger.disturbance(kind):
            broken.wait()
            since = time.monotonic()
            while self._whole_at < since:
                if time.monotonic() > self._broken_at + RECOVERY_SECONDS:
                    self._ledger.breach("the service recovers", f"not whole after {RECOVERY_SECONDS} s: {kind}")
                    return
                time.sleep(0.1)
        self._ledger.hold("the service recovers")

    def _look_for_recovery(self) -> None:
        """Look whether the service is whole, for all that wait for it; begin again what ended by itself."""
        while True:
            begun = time.monotonic()
            if any(recovery.is_alive() for recovery in self._recoveries):
                if self._cluster.is_whole():
                    self._whole_at = begun
                else:
                    self._cluster.restart_ended()
            time.sleep(0.2)

    def wait_until_recovered(self) -> None:
        """Wait until nothing is disturbed any more."""
        for recovery in self._recoveries:
            recovery.join()
        while self._ledger.is_disturbed():
            time.sleep(0.1)
