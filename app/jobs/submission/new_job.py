"""`new_job`: the job of a request that was checked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.jobs.estimates.resources import ResourceEstimate
from app.jobs.job import NewJob
from app.schemas.jobs.requests import EvaluateJob, JobRequest
from app.schemas.jobs.selection_jobs import RecordsJob
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob

WITHOUT_MODEL = EvaluateJob | CalibrateJob | TuneJob | RecordsJob
"""Requests that make no model, and so name none."""


def request_as_sent(request: JobRequest) -> dict[str, Any]:
    """Return a request as JSON-ready data with the fields that the client sent; defaults are left out."""
    return request.model_dump(mode="json", exclude_unset=True)


def new_job(request: JobRequest, estimate: ResourceEstimate, **resolved: str | list[str] | dict[str, str]) -> NewJob:
    """Build the job; `resolved` are fields whose names of models were replaced by versions."""
    sent = request_as_sent(request)
    return NewJob(
        kind=request.kind,
        request=sent | resolved,
        estimate=asdict(estimate),
        name=None if isinstance(request, WITHOUT_MODEL) else request.name,
        training_file=next(iter(request.training_files), None),
        validation_file=request.validation_file,
        more_files=request.more_files,
        sent_request=sent if resolved else None,
    )
