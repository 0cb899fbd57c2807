"""Migration 0006: the request that submitted a job, for traces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    comment = "of the request that submitted it; null where none was traced"
    op.add_column("jobs", sa.Column("traceparent", sa.String(64), comment=comment))
