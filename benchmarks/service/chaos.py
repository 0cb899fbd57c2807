"""Chaos: load on all routes while processes, database, disk, clock and checkpoints fail.

Runs a service of two processes with the shipped models, two workers and PostgreSQL (or SQLite), on a small disk and a
clock of their own. Records the answers and trained models of the undisturbed service, then kills, fills, sets and
damages at random, while every answer is compared with the recorded one: nothing may be lost. Filling the disk needs
the right to mount a tmpfs, setting the clock a C compiler; what is possible is printed, and the rest left out.
"""

from __future__ import annotations

import random
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from math import inf
from pathlib import Path

import click

from benchmarks.service._chaos.caller import Caller
from benchmarks.service._chaos.checks import check_end, holds_in_time
from benchmarks.service._chaos.cluster import LOG_FILE, Cluster, choose_database, running_cluster
from benchmarks.service._chaos.faults import Faults
from benchmarks.service._chaos.files import ALIASES, Aliases, Files
from benchmarks.service._chaos.hostile import Hostile
from benchmarks.service._chaos.jobs import Jobs
from benchmarks.service._chaos.ledger import Ledger
from benchmarks.service._chaos.models import Models
from benchmarks.service._chaos.observer import Observer
from benchmarks.service._chaos.questions import STATEFUL, Questions

CALM_AFTER = 40
"""Moments of faults between two times of calm, in which errors have no excuse."""
CALM_SECONDS = 3.0


class Run:
    """Run of the load and the faults on one cluster."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Record how the undisturbed service answers, and what its jobs make."""
        self.cluster, self.ledger = cluster, Ledger()
        self.document = cluster.client.get("/openapi.json")
        if not holds_in_time(cluster.is_whole):
            raise RuntimeError("the service is not ready")
        with closing(self.caller()) as caller:
            self.questions = Questions(caller, self.document)
            self.jobs = Jobs(cluster, caller)
            self.models = Models(cluster, caller, self.jobs.undisturbed)
        self.files, self.aliases = Files(), Aliases()
        self.faults = Faults(cluster, self.ledger, seed)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def caller(self) -> Caller:
        """Return a client for one thread."""
        return Caller(self.cluster.url, self.document, self.ledger)

    def begin_load(self, clients: int) -> None:
        """Begin to ask: so many clients ask questions, one each does everything else."""
        hostile = Hostile(self.cluster.url, self.ledger)
        turns: list[Callable[[Caller], object]] = [self.questions.ask] * clients
        turns += [self.jobs.take_turn, self.models.take_turn, self.files.take_turn, self.aliases.take_turn]
        turns += [Observer().take_turn, lambda _: hostile.take_turn()]
        for turn in turns:
            thread = threading.Thread(target=self._repeat, args=(turn, self.caller()), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _repeat(self, turn: Callable[[Caller], object], caller: Caller) -> None:
        with closing(caller):
            while not self._stop.is_set():
                try:
                    turn(caller)
                except Exception:
                    self.ledger.breach("the load itself works", traceback.format_exc())
                    time.sleep(1)

    def break_things(self, kills: float, seconds: float) -> None:
        """Inject faults for so long, or until there were so many kills; then wait until all has recovered."""
        begun, killed, injected = time.monotonic(), 0, 0
        while killed < kills and time.monotonic() < begun + seconds:
            killed, injected = killed + self.faults.inject(), injected + 1
            time.sleep(random.uniform(0, 1.0))
            if injected % CALM_AFTER == 0:
                self.faults.wait_until_recovered()
                time.sleep(CALM_SECONDS)
                print(
                    f"{time.monotonic() - begun:6.0f} s  {killed} kills  {self.ledger.answers.total()} answers  "
                    f"{self.ledger.checks['every job ends exactly once']} jobs ended",
                    flush=True,
                )
        self.faults.wait_until_recovered()

    def finish(self, before: dict[str, float], disk_before: int) -> None:
        """End the load, and check what is left."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        with closing(self.caller()) as caller:
            self.jobs.finish(caller)
            self.files.check(caller)
            for alias in ALIASES:
                self.aliases.read(caller, alias)
        check_end(self.cluster, self.ledger, before, disk_before)

    def report(self) -> None:
        """Print the tables: faults against what was lost, answers, checks."""
        ledger = self.ledger
        print(f"\n{'fault':<40}{'injected':>10}{'lost':>8}")
        for name in sorted({*ledger.faults, *ledger.lost}):
            print(f"{name:<40}{ledger.faults[name]:>10}{ledger.lost[name]:>8}")
        print(f"\n{'answer':<40}{'times':>10}")
        for name, count in ledger.answers.most_common():
            print(f"{name:<40}{count:>10}")
        print(f"\n{'promise':<50}{'held':>10}{'broken':>8}")
        broken = [line.partition(":")[0] for line in ledger.breaches]
        for name in sorted({*ledger.checks, *broken}):
            print(f"{name:<50}{ledger.checks[name]:>10}{broken.count(name):>8}")
        tracebacks = self.cluster.log_path.read_text(errors="replace").count("Traceback (most recent call last)")
        print(f"\n{tracebacks} tracebacks in the log {self.cluster.log_path}")


def uncovered(document: dict[str, object], questions: Questions) -> set[str]:
    """Return the operations of the API that no part of the load calls."""
    paths = document["paths"]
    assert isinstance(paths, dict)
    return {operation["operationId"] for methods in paths.values() for operation in methods.values()} - (
        questions.operations | STATEFUL
    )


@click.command()
@click.option("--minutes", default=None, type=float, help="How long to inject faults. [default: 10]")
@click.option("--kills", default=None, type=int, help="Until how many kills; without --minutes, however long it takes.")
@click.option("--clients", default=3, help="Clients that ask questions. [default: 3]")
@click.option("--database", type=click.Choice(["postgresql", "sqlite"]), default=None, help="[default: what there is]")
@click.option("--seed", default=1, help="Of the order of faults. [default: 1]")
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="Folder for the log of the processes.")
def main(
    minutes: float | None, kills: int | None, clients: int, database: str | None, seed: int, keep: Path | None
) -> None:
    """Let everything fail for some minutes; exits with status 1 where a promise was broken."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the disk is unmounted then, too
    with tempfile.TemporaryDirectory(prefix="nextword-chaos-", ignore_cleanup_errors=True) as folder:
        seconds = 60 * minutes if minutes is not None else inf if kills else 600
        try:
            breaches = run_chaos(Path(folder), database or choose_database(), clients, kills or inf, seconds, seed)
        finally:
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / "chaos.log").write_bytes((Path(folder) / LOG_FILE).read_bytes())
    raise SystemExit(bool(breaches))


def run_chaos(folder: Path, database: str, clients: int, kills: float, seconds: float, seed: int = 1) -> list[str]:
    """Run a cluster in a folder, break it, print the tables and return the broken promises."""
    with running_cluster(folder, database) as cluster:
        run = Run(cluster, seed)
        print(f"{database}; possible here: {', '.join(run.faults.names)}", flush=True)
        missing = uncovered(run.document, run.questions)
        run.ledger.check("the load calls every route", not missing, str(missing))
        before, disk_before = cluster.usage(), cluster.disk_bytes()
        run.begin_load(clients)
        run.break_things(kills, seconds)
        run.finish(before, disk_before)
        run.report()
        return run.ledger.breaches


if __name__ == "__main__":
    main()
