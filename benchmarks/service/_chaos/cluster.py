"""Cluster under test: a service of two processes, two workers, database, small disk and clock.

`Cluster` starts, kills and restarts them. The disk is a tmpfs, where this user may mount one.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from app.storage.database import sqlite_url
from benchmarks.service._chaos.answering import are_ready
from benchmarks.service._chaos.clock import Clock, make_clock
from tests.helpers.databases import Server, binaries, postgresql_server
from tests.helpers.fleet import Fleet, children, is_fork_server, job_processes
from tools.examples.service import link_checkpoints

DISK = "size=400m"
"""Size of the disk of checkpoints and data: the shipped models twice, and room for what a run makes."""
LOG_FILE = "log.txt"
"""Standard error of all processes."""
SERVERS = 2
"""Server processes of the service."""
CHILD_SECONDS = 3.0
"""Longest that a fault waits for a job's process to break."""
LOCKED_SECONDS = 7.0
"""Seconds that a SQLite file stays locked: longer than the service waits for it."""


class Cluster(Fleet):
    """Fleet with several server processes and workers, and the means to break what it runs on."""

    def __init__(
        self, folder: Path, database_url: str, database: Server | None, clock: Clock | None, can_fill: bool
    ) -> None:
        self.database, self.clock, self.can_fill = database, clock, can_fill
        self._disk = folder / "disk"
        self._changing = threading.Lock()
        """Held while a process of ours is ended and begun again."""
        self._changing_database = threading.Lock()
        self._is_stopping = False
        settings = {"NEXTWORD_WORKERS": str(SERVERS), "NEXTWORD_STOP_SECONDS": "5", "NEXTWORD_BODY_IDLE_SECONDS": "5"}
        environment = settings | ({} if clock is None else dict(clock.environment))
        self.log_path = folder / LOG_FILE
        super().__init__(
            self._disk, database_url, workers=2, environment=environment, log=self.log_path.open("ab", buffering=0)
        )

    def servers(self) -> list[int]:
        """Process ids of the server processes."""
        return children(self.processes["service"].pid)

    def workers(self) -> list[str]:
        """Names of the workers."""
        return [name for name in self.processes if name.startswith("worker")]

    def kill_server(self) -> int:
        """Kill one server process, which its supervisor starts again; returns how many, 0 where none runs."""
        return _kill(self.servers(), one=True)

    def kill_child(self) -> int:
        """Kill the processes that do the jobs' work, waiting for one if none runs; returns how many."""
        deadline = time.monotonic() + CHILD_SECONDS
        while not (killed := _kill([pid for worker in self._worker_pids() for pid in job_processes(worker)])):
            if time.monotonic() > deadline:
                return 0
            time.sleep(0.05)
        return killed

    def kill_fork_server(self) -> int:
        """Kill a process that forks those of the jobs; returns how many, 0 where none runs."""
        found = [pid for worker in self._worker_pids() for pid in children(worker) if is_fork_server(pid)]
        return _kill(found, one=True)

    def _worker_pids(self) -> list[int]:
        return [self.processes[name].pid for name in self.workers()]

    def pause_worker(self, seconds: float) -> None:
        """Stop a worker for longer than its lease, and let it go on."""
        process = self.processes[random.choice(self.workers())]
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    def kill(self, victim: str) -> bool:
        """Kill a process and begin it again."""
        with self._changing:
            return super().kill(victim)

    def restart_in_order(self) -> None:
        """Stop the service by SIGTERM, and begin it again."""
        with self._changing:
            self.processes["service"].terminate()
            self.processes["service"].wait(60)
            self.begin("service")

    def restart_ended(self) -> None:
        """Begin again what ended by itself, as where the port was not free yet; service managers do so."""
        with self._changing:
            for name, process in list(self.processes.items()):
                if process.poll() is not None and not self._is_stopping:
                    self.begin(name)

    def stop(self) -> None:
        """End every process in order, for good."""
        with self._changing:
            self._is_stopping = True
        super().stop()

    def crash_database(self, seconds: float) -> int:
        """End the database without a checkpoint and start it again; SQLite: lock its file for long. Returns 1."""
        if self.database is not None:
            with self._changing_database:
                self.database.stop()
                time.sleep(seconds)
                self.database.start()
            return 1
        with sqlite3.connect(self.data / "nextword.db", timeout=30, isolation_level=None) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(LOCKED_SECONDS)
            connection.execute("ROLLBACK")
        connection.close()
        return 1

    def kill_backend(self) -> int:
        """Kill a process that serves one connection: PostgreSQL then drops all connections and recovers."""
        assert self.database is not None
        with self._changing_database:
            first_line = (self.database.directory / "data" / "postmaster.pid").read_text().split()[0]
            serving = [pid for pid in children(int(first_line)) if b"127.0.0.1" in _command_line(pid)]
            return _kill(serving, one=True)

    def cut_power(self) -> int:
        """Kill all processes and the database at once, and begin them again; returns how many."""
        assert self.database is not None
        with self._changing, self._changing_database:
            for process in self.processes.values():
                process.kill()
            self.database.stop()
            for process in self.processes.values():
                process.wait()
            self.database.start()
            for name in self.processes:
                self.begin(name)
            return len(self.processes) + 1

    def fill_disk(self, seconds: float) -> None:
        """Leave no byte free for some seconds."""
        ballast = self._disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        time.sleep(seconds)
        ballast.unlink()

    def is_whole(self) -> bool:
        """Tell whether every server process runs and is ready."""
        servers = self.servers()
        return len(servers) == SERVERS and are_ready(self.port, servers)

    def usage(self) -> dict[str, float]:
        """Return the largest resident memory (MB) and number of descriptors of a server process."""
        memory, descriptors = [0.0], [0]
        for pid in self.servers():
            with suppress(OSError):
                memory.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
                descriptors.append(len(list(Path(f"/proc/{pid}/fd").iterdir())))
        return {"memory": max(memory), "descriptors": float(max(descriptors))}

    def disk_bytes(self) -> int:
        """Return the bytes of all that lies in the data folder, apart from uploaded files."""
        uploads = self.data / "files"
        return sum(
            path.stat().st_blocks * 512
            for path in self.data.rglob("*")
            if path.is_file() and not path.is_relative_to(uploads)
        )


def _kill(pids: list[int], *, one: bool = False) -> int:
    victims = random.sample(pids, 1) if one and pids else pids
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(victims)


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Make `folder` a small file system of its own; yields whether this user may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", DISK, "nextword-chaos", str(folder)]
    mounted = shutil.which("mount") is not None and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def running_cluster(folder: Path, database: str) -> Iterator[Cluster]:
    """Run a cluster with the shipped models, on PostgreSQL or SQLite; all of it is gone afterwards."""
    with ExitStack() as stack:
        can_fill = stack.enter_context(small_disk(folder / "disk"))
        clock = stack.enter_context(make_clock())
        server, url = None, sqlite_url(folder / "disk" / "data")
        if database == "postgresql":
            server = stack.enter_context(postgresql_server(None if clock is None else clock.environment))
            url = server.create()
        link_checkpoints(folder / "disk" / "checkpoints")
        cluster = Cluster(folder, url, server, clock, can_fill)
        stack.callback(cluster.stop)
        cluster.begin_all()
        yield cluster


def choose_database() -> str:
    """Return `postgresql` where its programs are installed, otherwise `sqlite`."""
    return "sqlite" if binaries() is None else "postgresql"
