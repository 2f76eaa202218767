"""Entries know their link, sources how they are to be asked and how they fared each day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and the table; links are filled as entries are seen again."""
    with op.batch_alter_table("entry") as entry:
        entry.add_column(sa.Column("link", sa.Text(), nullable=False, server_default=""))
        entry.create_index(op.f("ix_entry_link"), ["link"])
        entry.create_index(op.f("ix_entry_sha256"), ["sha256"])
    with op.batch_alter_table("source") as source:
        source.add_column(sa.Column("links", sa.Text(), nullable=False, server_default=""))
        source.add_column(sa.Column("moved_to", sa.Text(), nullable=False, server_default=""))
        source.add_column(sa.Column("moved_since", sa.BigInteger(), nullable=True))
        source.add_column(
            sa.Column("moved_polls", sa.Integer(), nullable=False, server_default="0")
        )
        source.add_column(sa.Column("asked_whole_at", sa.BigInteger(), nullable=True))
        source.add_column(
            sa.Column("distrusted", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        source.add_column(sa.Column("wishes", sa.JSON(), nullable=False, server_default="{}"))
        source.add_column(
            sa.Column("empty_polls", sa.Integer(), nullable=False, server_default="0")
        )
        source.add_column(sa.Column("overrun_at", sa.BigInteger(), nullable=True))
        source.add_column(sa.Column("newest_at", sa.BigInteger(), nullable=True))
        source.add_column(sa.Column("rhythm_seconds", sa.Integer(), nullable=True))
        source.add_column(sa.Column("gap_seconds", sa.Integer(), nullable=True))
        source.add_column(sa.Column("took_us", sa.BigInteger(), nullable=True))
    op.create_table(
        "coverage",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("overrun", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source"], ["source.name"], name=op.f("fk_coverage_source_source")
        ),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_coverage")),
    )
