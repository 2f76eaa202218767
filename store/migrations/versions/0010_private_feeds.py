"""Private feeds: tokens of readers, and which rules no public page may show."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table and the column."""
    op.create_table(
        "feed_token",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_token")),
    )
    op.create_index(op.f("ix_feed_token_sha256"), "feed_token", ["sha256"], unique=True)
    op.add_column(
        "rule", sa.Column("private", sa.Boolean(), nullable=False, server_default=sa.false())
    )
