"""The process that does a job's work: `python -m app.worker.child_main NICENESS`, with the order on its first line of
input.

It reports on what was its standard output, stops in order when told so, and exits at once when its input closes:
then its worker is gone, and another may have the job. Knows processes and errors; the work itself is in `work`.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from app.worker.run_job import run_job
from app.worker.run_protocol import Failed, Message, RunSpec, Stopped, message_to_json, run_spec_from_json
from models.errors import CheckpointError, InvalidInput, InvalidText, NextwordError, TrainingFailed

_ERROR_CODES: tuple[tuple[type[NextwordError], str], ...] = (
    (InvalidText, "invalid_text"),
    (InvalidInput, "invalid_input"),
    (TrainingFailed, "training_failed"),
    (CheckpointError, "model_unusable"),
)
_PROBE_BYTES = 1 << 20


def main() -> None:
    """Do the work that is ordered and report its end."""
    reports = _redirect_stdout()
    order = run_spec_from_json(json.loads(sys.stdin.buffer.readline()))
    _lower_priority(int(sys.argv[1]))
    stop = threading.Event()
    threading.Thread(target=_watch_input, args=(sys.stdin.buffer, stop), daemon=True).start()

    def send(message: Message) -> None:
        try:
            reports.write(json.dumps(message_to_json(message)).encode() + b"\n")
            reports.flush()
        except BrokenPipeError:
            os._exit(1)  # the worker is gone, which the listener is about to learn too

    send(_run_to_end(order, send, stop))
    os._exit(0)  # there is nothing to tear down, and the listener cannot be told to stop listening


def _redirect_stdout() -> BinaryIO:
    """What was standard output, for reports alone; whatever is printed goes to standard error."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return reports


def _lower_priority(niceness: int) -> None:
    """Take the processor only when nobody else wants it, and be the first to go when memory runs out."""
    os.nice(niceness)
    with suppress(OSError):  # where Linux groups processes by session, niceness counts within the group only
        Path("/proc/self/autogroup").write_text(str(niceness))
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _watch_input(orders: BinaryIO, stop: threading.Event) -> None:
    """Wait for the order to stop; no input at all means that the worker is gone."""
    while orders.readline():
        stop.set()
    os._exit(1)


def _run_to_end(order: RunSpec, send: Callable[[Message], None], stop: threading.Event) -> Message:
    """How the work ended; what nobody foresaw is told on standard error as well."""
    try:
        return run_job(order, send, stop.is_set)
    except NextwordError as error:
        code = next((code for kind, code in _ERROR_CODES if isinstance(error, kind)), "failed")
        return Failed(code, str(error))
    except MemoryError:
        return Failed("out_of_memory", "there is not enough memory for this job")
    except Exception as error:
        traceback.print_exc()
        if stop.is_set():
            return Stopped()  # the state could not be saved now; the one saved before stands
        if _is_no_room(error) or _is_disk_full(Path(order.workdir)) or _is_disk_full(Path(order.staging)):
            return Failed("disk_full", "there is no room on the disk to do this job")
        return Failed("internal_error", f"the job failed unexpectedly ({type(error).__name__}); the worker's log tells")


def _is_no_room(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _is_disk_full(directory: Path) -> bool:
    """Whether there is no room, found out by writing: some libraries report it in words of their own."""
    probe = directory / ".room"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with probe.open("wb") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return _is_no_room(error)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return False


if __name__ == "__main__":
    main()
