"""Query parameters and response bodies of jobs: status, events and metrics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from app.schemas.base import LARGEST_INTEGER, QueryParameters, ResponseBody
from app.schemas.details.cards import ModelMetrics
from app.schemas.details.streams import event_stream
from app.schemas.jobs.requests import JOB_KINDS
from app.storage.tables import Status

JobEventName = Literal[
    "queued",
    "started",
    "lost",
    "released",
    "publishing",
    "renumbered",
    "cancelling",
    "succeeded",
    "failed",
    "cancelled",
]
"""Names of events; the last three end a job."""


class JobProgress(ResponseBody):
    """Progress of a job's work."""

    phase: str = Field(description="Name of the current phase.", examples=["training"])
    step: int = Field(description="Units of work done in this phase.")
    steps: int = Field(description="Units of work in this phase; 0 where that is not known.")
    fraction: float = Field(description="Share of this phase that is done, 0 to 1; 1 once the job succeeded.")
    epoch: float = Field(description="Passes over the training text.")
    tokens_per_second: float | None = Field(description="Tokens processed per second.")
    seconds_left: float | None = Field(description="Estimated seconds to the end of this phase; 0 once it succeeded.")
    metrics: dict[str, float | None] = Field(description="Measured so far, by name; null where not finite.")
    processor_share: float | None = Field(
        None, description="Share of one processor that it had lately, where that is too little to get on."
    )


class JobError(ResponseBody):
    """Reason of a job's failure."""

    code: str = Field(description="Fixed code for programs.", examples=["invalid_text"])
    message: str = Field(description="Message for people.")


class JobEstimate(ResponseBody):
    """Upper estimate of a job's resources, made before anything was read."""

    parameters: int = Field(description="Parameters of the model.")
    memory_bytes: int = Field(description="Peak memory of the job's process.")
    seconds: float = Field(description="Seconds from start to end.")


class JobEstimateAnswer(JobEstimate):
    """Estimate of a job that was not asked for yet."""

    object: Literal["job.estimate"] = Field(description="Always `job.estimate`.")
    kind: str = Field(description="Kind of the job.", examples=["ngram"], json_schema_extra={"enum": list(JOB_KINDS)})


class JobResult(ResponseBody):
    """Result of a job; figures of an evaluation stand beside `model`, by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    model: str | None = Field(None, description="The model that it made or measured, as `name@version`.")
    metrics: ModelMetrics | None = Field(None, description="Figures of the model that it made.")


class JobAnswer(ResponseBody):
    """A job with its status and result."""

    id: str = Field(description="Its id.", examples=["job-0123456789abcdef01234567"])
    object: Literal["job"] = Field(description="Always `job`.")
    kind: str = Field(
        description="Family of the model to train or compose, `import`, `evaluate`, `calibrate`, `tune`, "
        "`score` or `select`.",
        examples=["ngram"],
        json_schema_extra={"enum": list(JOB_KINDS)},
    )
    status: Status = Field(description="Status of the job.")
    model: str | None = Field(
        description="The model it makes, as `name@version`, published when the job succeeds; or the one it measures."
    )
    queue_position: int | None = Field(description="Position in the queue, from 1; null unless queued.")
    waiting: str | None = Field(
        description="What an unfinished job waits for, as a sentence: a worker, the processor; null while it gets on."
    )
    seconds_left: float | None = Field(
        description="Estimated seconds of work left, corrected while it runs; null where it is over or takes longer "
        "than was estimated."
    )
    progress: JobProgress | None = Field(description="Progress of the work; null before it began.")
    attempt: int = Field(description="Number of the attempt: 1, and one more for each worker or process that was lost.")
    worker: str | None = Field(description="Worker that has the job, or had it last.")
    created_at: int = Field(description="When the job was created, in seconds since 1970.")
    started_at: int | None = Field(description="When a worker first claimed the job.")
    heartbeat_at: int | None = Field(description="When the worker last sent a heartbeat.")
    finished_at: int | None = Field(description="When the job reached a final status.")
    error: JobError | None = Field(description="Reason of the failure; null unless the job failed.")
    result: JobResult | None = Field(description="What it made or measured; null unless the job succeeded.")
    estimate: JobEstimate = Field(description="Estimated resources.")
    request: dict[str, JsonValue] = Field(
        description="The request, as one of the bodies of `POST /v1/jobs`; names of models are resolved to versions."
    )


class JobList(ResponseBody):
    """A page of jobs, newest first."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[JobAnswer] = Field(description="The jobs.")
    has_more: bool = Field(description="Whether there are older ones: ask again with `after` the last id.")


class JobEventData(ResponseBody):
    """Details of an event, each with those of its kind; that of success has the job's result."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    model: str | None = Field(None, description="The model, of `queued`, `renumbered` and `succeeded`.")
    attempt: int | None = Field(None, description="Number of the attempt, of `started`.")
    worker: str | None = Field(None, description="The worker, of `started`.")
    reason: str | None = Field(None, description="Why the worker or the process was lost, of `lost`.")
    code: str | None = Field(None, description="Fixed code of the failure, of `failed`.")
    message: str | None = Field(None, description="Reason of the failure, of `failed`.")
    metrics: ModelMetrics | None = Field(None, description="Figures of the model, of `succeeded`.")


class StreamedJobEvent(JobEventData):
    """Data of an event as it is streamed; its name and number are fields of the stream."""

    created_at: int = Field(description="When, in seconds since 1970.")


class StreamedJobWaiting(ResponseBody):
    """Sentence on what a job waits for, in the stream of its events as soon as it waits."""

    message: str = Field(description="A sentence: `waiting` of the job.")


class JobEvent(ResponseBody):
    """Event in the history of a job."""

    object: Literal["job.event"] = Field(description="Always `job.event`.")
    id: int = Field(description="1, 2, 3, ... within the job, without gaps.")
    created_at: int = Field(description="When, in seconds since 1970.")
    event: JobEventName = Field(description="What happened.")
    data: JobEventData = Field(description="Details of the event.")


class JobEventList(ResponseBody):
    """Page of a job's events, oldest first."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[JobEvent] = Field(description="The events.")
    has_more: bool = Field(description="Whether there are later ones: ask again with `after` the last id.")


class JobMetric(ResponseBody):
    """Metrics of a training step."""

    step: int = Field(description="The step of the training.")
    values: dict[str, float | None] = Field(
        description="By name: `loss` (nats a token), `gradient_norm`, `learning_rate`, `weight_norm` (L2 norm of all "
        "matrices), `validation_accuracy` and other figures of a task, ...; null where not finite. Loss and norm of "
        "the gradient are running means over some fifty steps, but in a training that diverged those of each of its "
        "last steps."
    )


class JobMetricList(ResponseBody):
    """Metrics of a training, by step."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[JobMetric] = Field(description="The steps, first to last.")
    has_more: bool = Field(description="Always false: the list is whole, or thinned to `points`.")


class JobsQuery(QueryParameters):
    """Query parameters of the list of jobs."""

    status: Status | None = Field(None, description="Only jobs with this status.", examples=["succeeded"])
    after: str | None = Field(None, description="Only jobs older than this one.")
    limit: int = Field(20, ge=1, le=100, description="Most jobs on a page.")


class EventsQuery(QueryParameters):
    """Query parameters of the list of events."""

    after: int = Field(0, ge=0, le=LARGEST_INTEGER, description="Only events after this one.")
    limit: int = Field(1000, ge=1, le=1000, description="Most events on a page.")


class MetricsQuery(QueryParameters):
    """Query parameters of the list of metrics."""

    after: int = Field(-1, ge=-1, le=LARGEST_INTEGER, description="Only steps after this one.")
    points: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="About how many steps to list, spread evenly, the newest among them; without it, all."
    )


EVENT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of events; or, where the header `accept` prefers `text/event-stream`, all as they come.",
        "content": event_stream(
            StreamedJobEvent,
            JobProgress,
            StreamedJobWaiting,
            names="Name of the event, `progress` or `waiting`.",
            description="Events as they come, until the job is over; `progress` and `waiting` in between have no `id`.",
        ),
    }
}
