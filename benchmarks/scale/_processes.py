"""Time, processor seconds and memory of a program, which a control group can confine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

_CGROUPS = Path("/sys/fs/cgroup")
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class ProgramCost:
    """Cost of a run of a program."""

    seconds: float
    cpu_seconds: float
    peak: int
    """Bytes of memory of the process, pages of files included."""
    anonymous: int
    """Bytes that lie in no file."""
    disk: int
    """Bytes of the disk at `folder` that were taken at the most, whoever took them."""


def run_program(command: Sequence[str], folder: Path, memory: int | None = None) -> ProgramCost:
    """Run a command, confined to `memory` bytes where that is given; its files lie in `folder`."""
    group = None if memory is None else _confining_group(memory)
    began, free, anonymous, least = time.perf_counter(), shutil.disk_usage(folder).free, 0, 1 << 62
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if group:
        (group / "cgroup.procs").write_text(str(program.pid))
    while not (exited := os.wait4(program.pid, os.WNOHANG))[0]:
        anonymous = max(anonymous, _anonymous(program.pid))
        least = min(least, shutil.disk_usage(folder).free)
        time.sleep(_LOOK_SECONDS)
    seconds, usage = time.perf_counter() - began, exited[2]
    if group:
        group.rmdir()
    program.returncode = os.waitstatus_to_exitcode(exited[1])
    _, errors = program.communicate()
    if program.returncode:
        raise click.ClickException(f"{command[0]} failed: {errors[-500:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return ProgramCost(seconds, cpu, usage.ru_maxrss << 10, anonymous, max(0, free - least))


def _confining_group(memory: int) -> Path:
    """Make a control group of so much memory. Raises ClickException where this process may not."""
    version_1 = _CGROUPS / "memory"
    group = (version_1 if version_1.is_dir() else _CGROUPS) / f"nextword-growth-{os.getpid()}"
    limit = "memory.limit_in_bytes" if version_1.is_dir() else "memory.max"
    try:
        group.mkdir()
        (group / limit).write_text(str(memory))
    except OSError as error:
        raise click.ClickException(f"no control group can be made ({error}): leave --confined out") from None
    return group


def _anonymous(pid: int) -> int:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))
    return 0
