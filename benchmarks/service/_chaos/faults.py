"""Faults of processes, database, disk and clock, drawn at random: `inject` lets one happen."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.service._chaos.cluster import Cluster
from benchmarks.service._chaos.ledger import Ledger

RECOVERY_SECONDS = 300.0
"""Longest until a service whose processes were killed is whole: its supervisor waits longer after each quick death."""
CLOCK_OFFSETS = (-86400, -3600, -5, 0, 5, 3600, 86400)
"""Seconds from the true time to which the clock may be set."""


class Fault(NamedTuple):
    """Fault that can be injected."""

    name: str
    weight: int
    kills: bool
    """Whether it counts as a kill."""
    inject: Callable[[], object]
    """Returns False where there was nothing to break."""


class Faults:
    """Faults that are possible on this machine, in an order that a seed fixes."""

    def __init__(self, cluster: Cluster, ledger: Ledger, seed: int) -> None:
        self._cluster, self._ledger = cluster, ledger
        self._order = random.Random(seed)  # the threads of the load draw from the module's generator
        self._recoveries: list[threading.Thread] = []
        self._possible = list(self._all())

    def _all(self) -> list[Fault]:
        cluster = self._cluster
        faults = [
            Fault("child of a worker killed", 30, True, cluster.kill_child),
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

    def inject(self) -> bool:
        """Let one happen; tells whether it was a kill."""
        (fault,) = self._order.choices(self._possible, [fault.weight for fault in self._possible])
        self._ledger.inject(fault.name)
        self._ledger.newest = fault.name
        if fault.inject() is False:
            self._ledger.retract(fault.name)
            return False
        return fault.kills

    def _break(self, kind: str, action: Callable[[], object]) -> object:
        """Break something, and note it as disturbed until the service is whole again."""
        began = threading.Event()
        self._recoveries = [thread for thread in self._recoveries if thread.is_alive()]
        recovery = threading.Thread(target=self._recover, args=(kind, began), daemon=True)
        recovery.start()
        self._recoveries.append(recovery)
        try:
            return action()
        finally:
            began.set()

    def _recover(self, kind: str, broken: threading.Event) -> None:
        with self._ledger.disturbance(kind):
            broken.wait()
            deadline = time.monotonic() + RECOVERY_SECONDS
            while not self._cluster.is_whole():
                self._cluster.restart_ended()
                if time.monotonic() > deadline:
                    self._ledger.breach("the service recovers", f"not whole after {RECOVERY_SECONDS} s: {kind}")
                    return
                time.sleep(0.2)
        self._ledger.hold("the service recovers")

    def wait_until_recovered(self) -> None:
        """Wait until nothing is disturbed any more."""
        for recovery in self._recoveries:
            recovery.join()
        while self._ledger.is_disturbed():
            time.sleep(0.1)
