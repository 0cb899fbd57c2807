"""Start-up: seconds from starting `nextword serve` to ready with all models, and memory.

Files and compiled loops are in caches after the first start, which is not counted; the hashes of the checkpoints are
verified anew each time. Beside the clock stand the processor time, which a busy machine does not blur, and memory,
with `--workers` of all processes: Pss counts a page that several map once, Rss once for each. The files with weights
are counted apart: several servers map one copy of them.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from subprocess import Popen

import click

from benchmarks.service._servers import cpu_seconds, nextword


def memory(server: Popen[bytes], kind: str, of: str = "") -> float:
    """Return megabytes of all processes of a server: `Pss` or `Rss`, of mappings of files in folders `of`."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended since
            if int(stat.read_text().rpartition(")")[2].split()[3]) == server.pid:  # its session
                maps = re.split(r"^(?=[0-9a-f]+-)", stat.with_name("smaps").read_text(), flags=re.MULTILINE)
                chosen = "".join(each for each in maps if f"{of}/" in each.partition("\n")[0] or not of)
                total += sum(map(int, re.findall(rf"^{kind}: +(\d+) kB", chosen, re.MULTILINE)))
    return total / 1e3


@click.command()
@click.argument("checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--workers", default=1, help="Server processes.")
@click.option("--rounds", default=5, help="How many starts.")
def main(checkpoints: Path, workers: int, rounds: int) -> None:
    """Start the service on CHECKPOINTS again and again."""
    clock, processor = [], []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        with nextword(checkpoints, workers=workers, log_level="warning") as server:
            clock.append(time.perf_counter() - began)
            processor.append(cpu_seconds(server))
            told = [memory(server, kind, of) for of in ("", "/weights") for kind in ("Rss", "Pss")]
    print(f"ready after {median(clock[1:]):.2f} s (best {min(clock[1:]):.2f}); processor {median(processor[1:]):.2f} s")
    what = "memory of {} server(s): Rss {:.0f} MB, Pss {:.0f} MB; of weights Rss {:.1f} MB, Pss {:.1f} MB"
    print(what.format(workers, *told))


if __name__ == "__main__":
    main()
