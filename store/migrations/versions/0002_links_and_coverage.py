"""Entries know their link, sources how they are to be asked and how they fared each day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and the table; entries of before are known by guid and text alone.

    Column by column: SQLite would make a table anew only by dropping the old one,
    which its foreign keys forbid.
    """
    op.add_column("entry", sa.Column("link", sa.Text(), nullable=False, server_default=""))
    op.create_index(op.f("ix_entry_link"), "entry", ["link"])
    op.create_index(op.f("ix_entry_sha256"), "entry", ["sha256"])
    op.add_column("source", sa.Column("links", sa.Text(), nullable=False, server_default=""))
    op.add_column("source", sa.Column("moved_to", sa.Text(), nullable=False, server_default=""))
    op.add_column("source", sa.Column("moved_since", sa.BigInteger(), nullable=True))
    op.add_column(
        "source", sa.Column("moved_polls", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("source", sa.Column("asked_whole_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "source", sa.Column("distrusted", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("source", sa.Column("wishes", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column(
        "source", sa.Column("empty_polls", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("source", sa.Column("overrun_at", sa.BigInteger(), nullable=True))
    op.add_column("source", sa.Column("newest_at", sa.BigInteger(), nullable=True))
    op.add_column("source", sa.Column("rhythm_seconds", sa.Integer(), nullable=True))
    op.add_column("source", sa.Column("gap_seconds", sa.Integer(), nullable=True))
    op.add_column("source", sa.Column("took_us", sa.BigInteger(), nullable=True))
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
