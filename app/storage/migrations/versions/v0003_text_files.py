"""Migration 0003: encodings of uploaded texts, and what compressed ones hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns of encoding and size."""
    encoding = sa.Column("encoding", sa.String(32), comment="of the text, as the uploader named it; null for UTF-8")
    op.add_column("files", encoding)
    op.add_column("files", sa.Column("text_bytes", sa.BigInteger, comment="size of the content of a compressed file"))
