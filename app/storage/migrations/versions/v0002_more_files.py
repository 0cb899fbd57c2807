"""Migration 0002: files of a job beside the two that every job may have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column of other files."""
    comment = "ids of other files in use, by field of the request"
    op.add_column("jobs", sa.Column("more_files", sa.JSON, comment=comment))
