"""Migration 0001: tables of files, jobs with events and metrics, and aliases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the first tables."""
    _files()
    _jobs()
    _events_and_metrics()
    _aliases()


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("number", _SERIAL, primary_key=True, comment="order of creation"),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False, index=True, comment="names the bytes on disk"),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.UniqueConstraint("sha256", "filename", "purpose", name="files_once"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", _SERIAL, primary_key=True, comment="order of creation, and of the queue"),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), comment="of the model to be; null where none is made"),
        sa.Column("version", sa.Integer, comment="of the model to be, fixed at creation"),
        sa.Column("request", sa.JSON, nullable=False, comment="as validated"),
        sa.Column("estimate", sa.JSON, nullable=False, comment="parameters, memory and time, guessed at creation"),
        sa.Column("idempotency_key", sa.String(255), unique=True),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("training_file", sa.String(40), comment="in use while the job is not finished"),
        sa.Column("validation_file", sa.String(40)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double, comment="first claim"),
        sa.Column("finished_at", sa.Double),
        sa.Column("attempt", sa.Integer, nullable=False, comment="1, and one more for each worker or process lost"),
        sa.Column(
            "lease", sa.Integer, nullable=False, comment="counts claims; only the holder of the newest may write"
        ),
        sa.Column("lease_expires_at", sa.Double),
        sa.Column("heartbeat_at", sa.Double),
        sa.Column("worker", sa.String(255), comment="who holds, or last held, the lease"),
        sa.Column("publishing", sa.Boolean, nullable=False, comment="past the point where a cancel still stops it"),
        sa.Column("progress", sa.JSON),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("result", sa.JSON),
        sa.Column("event_count", sa.Integer, nullable=False, comment="number of the newest event"),
        sa.UniqueConstraint("name", "version", name="jobs_version"),
        sa.Index("jobs_by_status", "status", "number"),
    )


def _events_and_metrics() -> None:
    job = ("job_id", sa.String(40))
    op.create_table(
        "job_events",
        sa.Column(*job, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "number", sa.Integer, primary_key=True, comment="1, 2, 3, … within the job: what Last-Event-ID holds"
        ),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "job_metrics",
        sa.Column(*job, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("values", sa.JSON, nullable=False),
    )


def _aliases() -> None:
    op.create_table(
        "aliases",
        sa.Column("alias", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Index("aliases_by_model", "name", "version"),
    )
