"""Migration 0004: API keys, what each has taken of its limits, and whose files and jobs are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add two tables, and a column to files and to jobs."""
    op.create_table(
        "api_keys",
        sa.Column("number", _SERIAL, primary_key=True, comment="order of creation"),
        sa.Column("name", sa.String(64), nullable=False, comment="unique among keys that are not revoked"),
        sa.Column("digest", sa.String(64), nullable=False, unique=True, comment="SHA-256 of the key, in hexadecimal"),
        sa.Column("scopes", sa.String(64), nullable=False, comment="separated by blanks"),
        sa.Column("limits", sa.JSON, nullable=False, comment="fields of KeyLimits that are set"),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, comment="null: never"),
        sa.Column("revoked_at", sa.Double),
    )
    op.create_table(
        "api_key_usage",
        sa.Column("name", sa.String(64), primary_key=True, comment="of the key"),
        sa.Column("kind", sa.String(16), primary_key=True, comment="requests or tokens"),
        sa.Column("minute", sa.BigInteger, nullable=False, comment="since 1970, by the database's clock"),
        sa.Column("taken", sa.BigInteger, nullable=False, comment="in that minute, by all server processes"),
    )
    owner = "name of the API key that it came with"
    op.add_column("files", sa.Column("api_key", sa.String(64), comment=owner))
    op.add_column("jobs", sa.Column("api_key", sa.String(64), comment=owner))
