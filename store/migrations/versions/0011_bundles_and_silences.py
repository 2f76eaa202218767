"""Deliveries may wait for a summary; endpoints may be silenced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns and the table; what there was left alone."""
    op.add_column("delivery", sa.Column("placed_at", sa.BigInteger(), nullable=True))
    op.add_column("delivery", sa.Column("why", sa.String(), nullable=False, server_default=""))
    op.add_column("delivery", sa.Column("bundle", sa.String(), nullable=False, server_default=""))
    op.create_index(
        "ix_delivery_endpoint_placed_at",
        "delivery",
        ["endpoint", "placed_at"],
        sqlite_where=sa.text("placed_at IS NOT NULL"),
        postgresql_where=sa.text("placed_at IS NOT NULL"),
    )
    op.add_column("endpoint", sa.Column("digest_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "silence",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint"], ["endpoint.name"], name=op.f("fk_silence_endpoint_endpoint")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )
    op.create_index(op.f("ix_silence_endpoint"), "silence", ["endpoint"])
