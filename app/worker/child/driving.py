"""Driving of work, which reports progress and stops between two steps when it is told to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias, TypeVar

from app.worker.run_protocol import RunSpec
from models.errors import StateMismatch, UnusableState
from models.neural.training.config import STATE_FILE
from models.utils.progress import Progress, run_to_completion

Result = TypeVar("Result")
ShouldStop: TypeAlias = Callable[[], bool]
Report: TypeAlias = Callable[[Progress], None]
Work: TypeAlias = Generator[Progress, None, Result]
logger = logging.getLogger(__name__)


class StopRequested(Exception):
    """The work stopped on request, after saving its state."""


def drive(work: Work[Result], report: Report, stop: ShouldStop) -> Result:
    """Run the work to its end and return its result. Told to stop, close it, which saves its state."""

    def report_or_stop(progress: Progress) -> None:
        report(progress)
        if stop():
            raise StopRequested

    with closing(work):
        return run_to_completion(work, report_or_stop)


def drive_on(begin: Callable[[], Work[Result]], spec: RunSpec, report: Report, stop: ShouldStop) -> Result:
    """Run work that goes on from a state in the working directory; begin anew where that cannot be used.

    It is of an earlier attempt at this job: an older version of the program may have saved it, or a disk damaged it.
    """
    try:
        return drive(begin(), report, stop)
    except (StateMismatch, UnusableState) as error:
        logger.warning("job %s begins anew: %s", spec.job_id, error)
        (Path(spec.workdir) / STATE_FILE).unlink()
        return drive(begin(), report, stop)
