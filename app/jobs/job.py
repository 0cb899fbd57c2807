"""Records of jobs: `Job` is a row of the queue, `NewJob` creates one, `JobSighting` is for followers.

`models_in` is the one reading of which models a request names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.jobs.events import StoredEvent
from app.storage.tables import Status
from models.checkpoint.model_name import parse_model
from models.errors import InvalidInput

_MODEL_FIELDS = ("model", "against", "extends", "initialize_from", "models", "members", "routes")
"""Fields of requests that name models, by themselves, in a list or by label."""


def models_in(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield the `name@version` of each model that a prepared request names."""
    for field_name in _MODEL_FIELDS:
        value = request.get(field_name)
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        for name in values:
            with suppress(InvalidInput):
                if isinstance(name, str) and parse_model(name)[1] is not None:
                    yield name


@dataclass(frozen=True)
class NewJob:
    """A job to be queued, validated, with its resources estimated."""

    kind: str
    """A family of models to train, or "evaluate"."""
    request: dict[str, Any]
    """The request as validated; JSON-ready."""
    estimate: dict[str, Any]
    """Estimated parameters, memory and time; JSON-ready."""
    name: str | None = None
    """Name of the model to be made; None where the job makes none."""
    training_file: str | None = None
    """Id of the uploaded text to train on."""
    validation_file: str | None = None
    """Id of the uploaded text to evaluate on."""
    more_files: Mapping[str, str] = field(default_factory=dict)
    """Ids of other uploaded files that are needed, by field of the request."""
    sent_request: dict[str, Any] | None = None
    """The request as it was sent, where `request` is a resolved version of it."""

    @property
    def models(self) -> list[str]:
        """The published models that it needs, as name@version each."""
        return list(models_in(self.request))


@dataclass(frozen=True)
class Job:
    """A row of the jobs table; times are seconds since 1970 by the database's clock."""

    id: str
    """Random and unguessable."""
    kind: str
    """A family of models to train, or "evaluate"."""
    name: str | None
    """Name of the model to be made."""
    version: int | None
    """Version of the model to be made: fixed at creation, raised only if somebody else publishes it first."""
    request: dict[str, Any]
    estimate: dict[str, Any]
    training_file: str | None
    validation_file: str | None
    more_files: dict[str, str] | None
    """Ids of other files, by field of the request; None in jobs of an older version."""
    status: Status
    created_at: float
    started_at: float | None
    """When a worker first claimed the job."""
    finished_at: float | None
    """When the job reached a final status."""
    attempt: int
    """1, and one more for each worker or process that was lost."""
    lease: int
    """Fencing token: the number of claims so far. Only the holder of the newest may write."""
    heartbeat_at: float | None
    """When its worker last renewed the lease."""
    lease_expires_at: float | None
    """When the lease ends unless it is renewed; None where nobody holds it."""
    worker: str | None
    """Name of the worker that holds, or last held, the lease."""
    publishing: bool
    """Past the point where a cancel still stops it."""
    progress: dict[str, Any] | None
    error_code: str | None
    """Reason of a failure, for programs."""
    error_message: str | None
    """Reason of a failure, for people."""
    result: dict[str, Any] | None
    position: int | None
    """Place in the queue, from 1; None unless queued."""
    traceparent: str | None
    """Trace of the request that submitted the job, as W3C's header has it; None where none was traced."""
    leased_jobs: int = field(compare=False)
    """Jobs, this one included, that workers hold now."""
    now: float = field(compare=False)
    """Time of this reading."""


class JobSighting(NamedTuple):
    """The little of a job that its followers are told of, as a look at the database has found it."""

    status: Status
    event_count: int
    """Number of its newest event."""
    progress: Mapping[str, Any] | None
    created_at: float
    heartbeat_at: float | None
    lease_expires_at: float | None
    leased_jobs: int
    """Jobs that workers hold now."""
    now: float
    """When it was looked at, by the database's clock."""
    waiting: str = ""
    """What it waits for, as it was when the kind of the reason last changed; empty where it gets on."""
    events: Sequence[StoredEvent] = ()
    """Events since the look before; none of a first look, or where there are more than are kept."""
    position: int | None = None
    """Place in the queue, which a look does not count."""

    def is_like(self, other: JobSighting) -> bool:
        """Return whether followers would be told the same."""
        return self._told() == other._told()

    def _told(self) -> tuple[object, ...]:
        return self.status, self.event_count, self.waiting, self.progress
