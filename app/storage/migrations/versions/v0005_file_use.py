"""Migration 0005: when a file was last used, for the deletion of those that are not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column of last use."""
    comment = "newest upload, or end of a deleted job; null: not since creation"
    op.add_column("files", sa.Column("used_at", sa.Double, comment=comment))
