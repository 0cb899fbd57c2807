"""The work of a job: build a recipe, compose a model or measure one, reporting progress on the way.

`run_job` takes a RunSpec and returns how the work ended. A finished model is left in the staging directory; publishing
it is the worker's, which holds the lease.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.schemas.base import JobBody
from app.schemas.jobs.import_job import ImportJob
from app.schemas.jobs.requests import CompositionJob, EvaluateJob, parse_job_request
from app.schemas.jobs.selection_jobs import RecordsJob, RecordsRequest
from app.schemas.tasks.job_requests import TaskJob
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob
from app.worker.child.driving import ShouldStop, StopRequested, drive
from app.worker.child.measuring_jobs import calibrate_model, evaluate_model, tune_weights
from app.worker.child.model_jobs import compose_model, import_file, train, train_task
from app.worker.child.reporter import Reporter, SendMessage
from app.worker.child.select_records import select_records
from app.worker.run_protocol import Message, RunSpec, Stopped
from models.threads import set_thread_count


def run_job(spec: RunSpec, send: SendMessage, stop: ShouldStop) -> Message:
    """Do the work, sending reports, until it is done or `stop()` returns true.

    Raises InvalidInput, TrainingFailed, CheckpointError, OSError and MemoryError as the work does.
    """
    set_thread_count(spec.threads)
    request = parse_job_request(spec.request)
    try:
        work = next(work for kind, work in _WORK if isinstance(request, kind))
        return work(spec, request, send, stop)
    except StopRequested:
        return Stopped()


def _select(spec: RunSpec, request: RecordsRequest, send: SendMessage, stop: ShouldStop) -> Message:
    return drive(select_records(spec, request), Reporter(send).report, stop)


_WORK: tuple[tuple[type[JobBody], Callable[[RunSpec, Any, SendMessage, ShouldStop], Message]], ...] = (
    (EvaluateJob, evaluate_model),
    (CalibrateJob, calibrate_model),
    (TuneJob, tune_weights),
    (RecordsJob, _select),
    (ImportJob, import_file),
    (CompositionJob, compose_model),
    (TaskJob, train_task),
    (JobBody, train),
)
"""Work of each kind of job; the first that fits is done."""
