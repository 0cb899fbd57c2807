"""Routes of jobs (/v1/jobs): create, list, follow and cancel them; workers do the work."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import Body, Depends, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from app.core.exceptions import (
    DatabaseUnavailable,
    DiskFull,
    IdempotencyKeyReused,
    ModelLoading,
    NameTaken,
    NotFound,
    QuotaReached,
    StoreUnavailable,
    TooExpensive,
)
from app.http.accept import choose_media_type
from app.http.api_key import api_key_of
from app.http.declared_errors import raises
from app.http.request_body import JSON, get_header
from app.http.streaming import SSE_KEEP_ALIVE, ManagedStream, sse_event
from app.jobs.event_stream import StreamedEvent, stream_job
from app.jobs.events import StoredEvent
from app.jobs.job import Job
from app.jobs.outlook import NOT_BEGUN, seconds_left, waiting_reason
from app.jobs.store import JobStore
from app.jobs.submission.new_job import request_as_sent
from app.jobs.submission.submission import JobSubmission
from app.routes.router import resource_router
from app.schemas.jobs.answers import (
    EVENT_RESPONSES,
    EventsQuery,
    JobAnswer,
    JobEstimateAnswer,
    JobEventList,
    JobList,
    JobMetricList,
    JobsQuery,
    MetricsQuery,
)
from app.schemas.jobs.examples import REQUEST_EXAMPLES
from app.schemas.jobs.requests import JobRequest
from app.storage.published_models import newest_version
from app.storage.tables import Status
from models.errors import CheckpointError, InvalidInput, InvalidText, UnsupportedByModel

router = resource_router("jobs", "/v1/jobs")
EVENT_STREAM = "text/event-stream"
JobRequestBody = Annotated[JobRequest, Body(openapi_examples=REQUEST_EXAMPLES)]
JobId = Annotated[str, Path(description="Id of the job.", examples=["job-0123456789abcdef01234567"])]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="The same key and body: the same job."),
]


@raises(DatabaseUnavailable)
def _job_store(request: Request) -> JobStore:
    store: JobStore = request.app.state.stores.jobs
    return store


InjectedJobStore = Annotated[JobStore, Depends(_job_store)]


@router.post("", response_model=JobAnswer, response_model_exclude_unset=True, status_code=202, summary="Ask for a job")
@raises(
    InvalidText,
    TooExpensive,
    NameTaken,
    IdempotencyKeyReused,
    CheckpointError,
    ModelLoading,
    DiskFull,
    QuotaReached,
    StoreUnavailable,
    UnsupportedByModel,
)
def create_job(
    request: Request, jobs: InjectedJobStore, body: JobRequestBody, key: IdempotencyKey = None
) -> dict[str, Any]:
    """Queue a job: train a model of a text or of labelled files, compose one of others, or evaluate one.

    A job that is too expensive is refused. The version of the model is reserved now; it is published, and served,
    when the job succeeds.
    """
    if key is not None and (earlier := jobs.find_by_key(request_as_sent(body), key)):
        return _job_content(earlier)
    submission = _submission(request)
    new = submission.prepare(body)
    published = 0 if new.name is None else newest_version(request.app.state.settings.checkpoints, new.name)
    check = partial(submission.check_models, new)
    return _job_content(jobs.create(new, newest=published, key=key, api_key=api_key_of(request), check=check))


@router.post("/estimate", response_model=JobEstimateAnswer, summary="Estimate a job")
@raises(
    InvalidText,
    TooExpensive,
    NameTaken,
    CheckpointError,
    ModelLoading,
    UnsupportedByModel,
    DiskFull,
    DatabaseUnavailable,
    StoreUnavailable,
)
def estimate_job(request: Request, body: JobRequestBody) -> dict[str, Any]:
    """Check a request for a job and say about what it would take, without asking for the job.

    What `POST /v1/jobs` would refuse is refused in the same words. Nothing is queued and no version is reserved.
    """
    new = _submission(request).prepare(body)
    return {"object": "job.estimate", "kind": new.kind, **new.estimate}


@router.get("", response_model=JobList, response_model_exclude_unset=True, summary="List the jobs")
def list_jobs(jobs: InjectedJobStore, query: Annotated[JobsQuery, Query()]) -> dict[str, Any]:
    """List jobs, newest first."""
    page, more = jobs.page(query.status, query.after, query.limit)
    return {"object": "list", "data": [_job_content(job) for job in page], "has_more": more}


@router.get("/{job_id}", response_model=JobAnswer, response_model_exclude_unset=True, summary="Describe a job")
@raises(NotFound)
def describe_job(jobs: InjectedJobStore, job_id: JobId) -> dict[str, Any]:
    """Describe a job."""
    return _job_content(jobs.get(job_id))


@router.post("/{job_id}/cancel", response_model=JobAnswer, response_model_exclude_unset=True, summary="Cancel a job")
@raises(NotFound)
def cancel_job(jobs: InjectedJobStore, job_id: JobId) -> dict[str, Any]:
    """Cancel a job: at once if it is queued, within seconds if it runs. Nothing of it is published.

    A job that is finished or being published stays as it is; cancelling twice changes nothing.
    """
    return _job_content(jobs.cancel(job_id))


@router.get(
    "/{job_id}/events",
    response_model=JobEventList,
    responses=EVENT_RESPONSES,
    summary="Follow a job",
)
@raises(NotFound)
async def list_events(
    request: Request,
    jobs: InjectedJobStore,
    job_id: JobId,
    query: Annotated[EventsQuery, Query()],
    last_event_id: Annotated[str | None, Header(description="Go on after this one.")] = None,
) -> Response:
    """List the events of a job; with the header `accept: text/event-stream`, stream them until it is over."""
    if choose_media_type(get_header(request.scope, b"accept"), (JSON, EVENT_STREAM)) == JSON:
        page = await run_in_threadpool(jobs.events, job_id, query.after, query.limit + 1)
        data = [_event_content(event) for event in page[: query.limit]]
        return JSONResponse({"object": "list", "data": data, "has_more": len(page) > query.limit})
    after = query.after if last_event_id is None else _event_number(last_event_id)
    await run_in_threadpool(jobs.get, job_id)  # an unknown job fails before the first byte
    events = _encode(stream_job(request.app.state.job_watch, job_id, after))
    return ManagedStream(events, EVENT_STREAM, AsyncExitStack(), format_error=sse_event)


async def _encode(events: AsyncGenerator[StreamedEvent | None, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            if event is None:
                yield SSE_KEEP_ALIVE
            else:
                yield sse_event(event.data, event=event.name, number=event.number)


@router.get("/{job_id}/metrics", response_model=JobMetricList, summary="List what a job measured")
@raises(NotFound)
def list_metrics(jobs: InjectedJobStore, job_id: JobId, query: Annotated[MetricsQuery, Query()]) -> dict[str, Any]:
    """List loss, perplexity, gradient norm, learning rate and more, by step of the training."""
    metrics = jobs.metrics(job_id, query.after, query.points)
    data = [{"step": step, "values": values} for step, values in metrics]
    return {"object": "list", "data": data, "has_more": False}


def _submission(request: Request) -> JobSubmission:
    state = request.app.state
    return JobSubmission(state.stores.files, state.stores.aliases, state.registry, state.settings)


def _event_number(last_event_id: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", last_event_id):
        raise InvalidInput("Last-Event-ID", "must be the id of an event, a whole number")
    return int(last_event_id)


def _event_content(event: StoredEvent) -> dict[str, Any]:
    return {
        "object": "job.event",
        "id": event.number,
        "created_at": int(event.created_at),
        "event": event.event,
        "data": event.data,
    }


def _job_content(job: Job) -> dict[str, Any]:
    model = f"{job.name}@{job.version}" if job.name else job.request.get("model")
    error = None if job.error_code is None else {"code": job.error_code, "message": job.error_message}
    return {
        "id": job.id,
        "object": "job",
        "kind": job.kind,
        "status": job.status,
        "model": model,
        "queue_position": job.position,
        "waiting": waiting_reason(job),
        "seconds_left": seconds_left(job),
        "progress": _progress(job),
        "attempt": job.attempt,
        "worker": job.worker,
        "created_at": int(job.created_at),
        "started_at": _whole_seconds(job.started_at),
        "heartbeat_at": _whole_seconds(job.heartbeat_at),
        "finished_at": _whole_seconds(job.finished_at),
        "error": error,
        "result": job.result,
        "estimate": job.estimate,
        "request": job.request,
    }


def _progress(job: Job) -> dict[str, Any] | None:
    """Return the newest progress report; that of a job that succeeded says that all is done."""
    if job.status is not Status.SUCCEEDED:
        return job.progress and {"processor_share": None, **job.progress}
    done = {"fraction": 1.0, "seconds_left": 0.0, "processor_share": None}
    return {**NOT_BEGUN, **(job.progress or {}), **done}


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
