"""Sources that push: what was asked of their hubs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "subscription",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("callback", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("pushed_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source"], ["source.name"], name=op.f("fk_subscription_source_source")
        ),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_subscription")),
    )
    op.create_index(op.f("ix_subscription_callback"), "subscription", ["callback"], unique=True)
    op.create_index(op.f("ix_subscription_due"), "subscription", ["due"])
