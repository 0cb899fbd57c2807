"""Entry point of the process that does a job's work: `python -m app.worker.child.main [NICENESS]`.

Without a niceness the process keeps the priority it has; `launchers.fork_server` calls `run_child` in a fork. The first
line of standard input is the RunSpec as JSON, a later line tells it to stop, and when the input closes the
process exits at once: its worker is gone, and another may have claimed the job. Messages are written to standard
output, a line of JSON each. The work itself is in `run_job`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from app.core.exceptions import is_no_space
from app.core.logs.setup import log_to_stderr
from app.core.plain_lines import protect_streams
from app.core.plain_messages import without_folders
from app.worker.child.run_job import run_job
from app.worker.run_protocol import Failed, Message, RunSpec, Stopped, message_to_json, run_spec_from_json
from models.errors import CheckpointError, InvalidInput, InvalidText, NextwordError, TrainingFailed

logger = logging.getLogger("app.worker.child.main")  # this module runs as __main__
_ERROR_CODES: tuple[tuple[type[NextwordError], str], ...] = (
    (InvalidText, "invalid_text"),
    (InvalidInput, "invalid_input"),
    (TrainingFailed, "training_failed"),
    (CheckpointError, "model_unusable"),
)
_PROBE_BYTES = 1 << 20
"""Size of the test write that finds out whether the disk is full."""


def main() -> None:
    """Take the priority that the command names, and do the work."""
    for niceness in sys.argv[1:2]:
        lower_priority(int(niceness))
    run_child()


def run_child() -> NoReturn:
    """Read the RunSpec, do the work, report its end and exit."""
    reports = _redirect_stdout()
    protect_streams()
    first_line = sys.stdin.buffer.readline()
    if not first_line:
        os._exit(1)  # the worker is gone, or has changed its mind
    spec = run_spec_from_json(json.loads(first_line))
    log_to_stderr(spec.log_level, spec.log_format)
    stop = threading.Event()
    threading.Thread(target=_watch_input, args=(sys.stdin.buffer, stop), daemon=True).start()

    def send(message: Message) -> None:
        try:
            reports.write(json.dumps(message_to_json(message)).encode() + b"\n")
            reports.flush()
        except BrokenPipeError:
            os._exit(1)  # the worker is gone, as the input thread is about to notice

    send(run_to_end(spec, send, stop))
    os._exit(0)  # nothing to tear down, and the input thread cannot be interrupted


def _redirect_stdout() -> BinaryIO:
    """Reserve standard output for messages and return it; whatever is printed goes to standard error."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return reports


def lower_priority(niceness: int) -> None:
    """Lower this process's priority: last to get the processor, first to be killed when memory runs out."""
    os.nice(niceness)
    with suppress(OSError):  # with autogroups, niceness counts within the session only
        Path("/proc/self/autogroup").write_text(str(niceness))
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _watch_input(lines: BinaryIO, stop: threading.Event) -> None:
    """Set `stop` at each line of input; exit at the end of input, since the worker is gone."""
    while lines.readline():
        stop.set()
    os._exit(1)


def run_to_end(spec: RunSpec, send: Callable[[Message], None], stop: threading.Event) -> Message:
    """Do the work and return how it ended; unexpected errors are logged as well."""
    try:
        return run_job(spec, send, stop.is_set)
    except NextwordError as error:
        code = next((code for kind, code in _ERROR_CODES if isinstance(error, kind)), "failed")
        folders = (Path(spec.checkpoints), Path(spec.staging), Path(spec.workdir))
        return Failed(code, without_folders(str(error), folders))
    except MemoryError:
        return Failed("out_of_memory", "there is not enough memory for this job")
    except Exception as error:
        logger.exception("job %s: failed unexpectedly", spec.job_id, extra={"job": spec.job_id})
        if stop.is_set():
            return Stopped()  # the state could not be saved; the one saved before is still valid
        if is_no_space(error) or _is_disk_full(Path(spec.workdir)) or _is_disk_full(Path(spec.staging)):
            return Failed("disk_full", "there is no room on the disk to do this job")
        return Failed("internal_error", f"the job failed unexpectedly ({type(error).__name__}); the worker's log tells")


def _is_disk_full(directory: Path) -> bool:
    """Return whether the disk is full, by a test write: some libraries report it as errors of their own."""
    probe = directory / ".room"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with probe.open("wb") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return is_no_space(error)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return False


if __name__ == "__main__":
    main()
