"""Facts of a run of experiments: time, machine, text, and the command that repeats it."""

from __future__ import annotations

import hashlib
import platform
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from app.core.container_limits import cpu_quota

CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class RunFacts:
    """Origin of a finding.

    >>> facts = describe_run(Path(__file__), ["--full", "--seeds", "3"], only="depth", threads=1, began=0.0)
    >>> facts.command
    'nextword compare run_facts.py --only depth --full --seeds 3'
    """

    created_at: int
    """When the experiment ended, in seconds since 1970."""
    seconds: float
    """Time that the experiment took."""
    command: str
    """Command that repeats the experiment."""
    text: str
    """Name of the file of text."""
    text_sha256: str
    processor: str
    """Model of the processor, as the system calls it."""
    cores: int
    """Cores that the process might use."""
    threads: int
    """Threads that computed."""
    system: str
    python: str
    torch: str
    version: str
    """Version of Nextword."""


def describe_run(text: Path, options: Sequence[str], *, only: str, threads: int, began: float) -> RunFacts:
    """Return the facts of an experiment that ends now and began at `began` (seconds since 1970).

    options: as the command line had them, without `--only` and whatever changes no figure.
    """
    now = time.time()
    with text.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return RunFacts(
        created_at=int(now),
        seconds=round(now - began, 3),
        command=shlex.join(["nextword", "compare", text.name, "--only", only, *options]),
        text=text.name,
        text_sha256=digest,
        processor=processor_name(),
        cores=cpu_quota(),
        threads=threads,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=version("torch"),
        version=version("nextword"),
    )


def processor_name(cpu_info: Path = CPU_INFO) -> str:
    """Return the model of the processor, as Linux tells it, or else as Python does."""
    try:
        lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
