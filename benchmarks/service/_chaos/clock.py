"""Clock that can be set: a library that shifts the time of day of processes that preload it.

libfaketime does as much and shifts sleeping as well, of which Python's `time.sleep` then fails. This one leaves the
monotonic clock and the files' times alone, as a machine does whose clock is set. It needs a C compiler.
"""

from __future__ import annotations

import mmap
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long *offset;

__attribute__((constructor)) static void open_offset(void) {
    int file = open(getenv("CHAOS_CLOCK"), O_RDONLY);
    void *page = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) offset = page;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, id, now);
    if (result == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (result) *result = exact.tv_sec;
    return exact.tv_sec;
}
"""


class Clock:
    """Time of day of the processes that begin with `environment`, shifted by an offset."""

    def __init__(self, folder: Path) -> None:
        """Compile the library into a folder. Raises CalledProcessError where it cannot be compiled."""
        source, library, offset = (folder / name for name in ("clock.c", "clock.so", "clock.offset"))
        source.write_text(SOURCE)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        offset.write_bytes(bytes(8))
        self._file = offset.open("r+b")
        self._offset = mmap.mmap(self._file.fileno(), 8)
        self.environment: Mapping[str, str] = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(offset)}

    def set(self, seconds: int) -> None:
        """Set the clock, of running processes too, to so many seconds from the true time."""
        self._offset[:8] = seconds.to_bytes(8, "little", signed=True)


@contextmanager
def make_clock() -> Iterator[Clock | None]:
    """Yield a clock in a folder that every user can read; None where there is no C compiler."""
    with tempfile.TemporaryDirectory(prefix="nextword-clock-") as folder:
        Path(folder).chmod(0o755)
        yield Clock(Path(folder)) if shutil.which("cc") else None
