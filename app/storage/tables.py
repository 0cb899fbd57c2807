"""Tables of the database as SQLAlchemy describes them, and the statuses of a job.

Queries are in `files`, `aliases`, `key_store`, `key_usage` and `app/jobs`; the steps that created the tables are
in `migrations`.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.schema import Column, ForeignKey, Index, MetaData, Table, UniqueConstraint
from sqlalchemy.types import JSON, BigInteger, Boolean, Double, Integer, String, Text

METADATA = MetaData()
JOBS_LOCK = "nextword:jobs"
"""Name of the lock under which jobs are added, and what no job needs is deleted."""
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

FILES = Table(
    "files",
    METADATA,
    Column("number", _SERIAL, primary_key=True, comment="order of creation"),
    Column("id", String(40), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False, index=True, comment="names the bytes on disk"),
    Column("bytes", BigInteger, nullable=False),
    Column("filename", Text, nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("encoding", String(32), comment="of the text, as the uploader named it; null for UTF-8"),
    Column("text_bytes", BigInteger, comment="size of the content of a compressed file"),
    Column("api_key", String(64), comment="name of the API key that it came with"),
    Column("used_at", Double, comment="newest upload, or end of a deleted job; null: not since creation"),
    UniqueConstraint("sha256", "filename", "purpose", name="files_once"),
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("number", _SERIAL, primary_key=True, comment="order of creation, and of the queue"),
    Column("id", String(40), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("name", String(64), comment="of the model to be; null where none is made"),
    Column("version", Integer, comment="of the model to be, fixed at creation"),
    Column("request", JSON, nullable=False, comment="as validated"),
    Column("estimate", JSON, nullable=False, comment="parameters, memory and time, guessed at creation"),
    Column("idempotency_key", String(255), unique=True),
    Column("request_sha256", String(64), nullable=False),
    Column("training_file", String(40), comment="in use while the job is not finished"),
    Column("validation_file", String(40)),
    Column("more_files", JSON, comment="ids of other files in use, by field of the request"),
    Column("status", String(16), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double, comment="first claim"),
    Column("finished_at", Double),
    Column("attempt", Integer, nullable=False, comment="1, and one more for each worker or process lost"),
    Column("lease", Integer, nullable=False, comment="counts claims; only the holder of the newest may write"),
    Column("lease_expires_at", Double),
    Column("heartbeat_at", Double),
    Column("worker", String(255), comment="who holds, or last held, the lease"),
    Column("publishing", Boolean, nullable=False, comment="past the point where a cancel still stops it"),
    Column("progress", JSON),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("result", JSON),
    Column("event_count", Integer, nullable=False, comment="number of the newest event"),
    Column("api_key", String(64), comment="name of the API key that it came with"),
    Column("traceparent", String(64), comment="of the request that submitted it; null where none was traced"),
    UniqueConstraint("name", "version", name="jobs_version"),
    Index("jobs_by_status", "status", "number"),
)

EVENTS = Table(
    "job_events",
    METADATA,
    Column("job_id", String(40), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, comment="1, 2, 3, … within the job: what Last-Event-ID holds"),
    Column("created_at", Double, nullable=False),
    Column("event", String(32), nullable=False),
    Column("data", JSON, nullable=False),
)

METRICS = Table(
    "job_metrics",
    METADATA,
    Column("job_id", String(40), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("values", JSON, nullable=False),
)

ALIASES = Table(
    "aliases",
    METADATA,
    Column("alias", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("aliases_by_model", "name", "version"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("number", _SERIAL, primary_key=True, comment="order of creation"),
    Column("name", String(64), nullable=False, comment="unique among keys that are not revoked"),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the key, in hexadecimal"),
    Column("scopes", String(64), nullable=False, comment="separated by blanks"),
    Column("limits", JSON, nullable=False, comment="fields of KeyLimits that are set"),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, comment="null: never"),
    Column("revoked_at", Double),
)

API_KEY_USAGE = Table(
    "api_key_usage",
    METADATA,
    Column("name", String(64), primary_key=True, comment="of the key"),
    Column("kind", String(16), primary_key=True, comment="requests or tokens"),
    Column("minute", BigInteger, nullable=False, comment="since 1970, by the database's clock"),
    Column("taken", BigInteger, nullable=False, comment="in that minute, by all server processes"),
)


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Waits for a worker: new, or given back by one that had to stop."""
    RUNNING = "running"
    """A worker holds its lease, or did until it was lost; then the next worker takes it over."""
    SUCCEEDED = "succeeded"
    """Done; its model is published, its result stands."""
    FAILED = "failed"
    """Ended without a result; `error` says why."""
    CANCELLING = "cancelling"
    """To be stopped; its worker has not confirmed it yet."""
    CANCELLED = "cancelled"
    """Stopped; nothing of it is published."""


LEASED_STATUSES = (Status.RUNNING, Status.CANCELLING)
"""The states in which a worker holds the lease."""
OPEN_STATUSES = (Status.QUEUED, *LEASED_STATUSES)
"""The states that are not final."""
