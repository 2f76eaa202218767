"""Copies of an article join the match that told of it first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the tables; what was matched before has no copies."""
    op.create_table(
        "band",
        sa.Column("band", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["entry.id"], name=op.f("fk_band_entry_entry")),
        sa.PrimaryKeyConstraint("band", "entry", name=op.f("pk_band")),
    )
    op.create_index(op.f("ix_band_entry"), "band", ["entry"])
    op.create_index(op.f("ix_band_at"), "band", ["at"])
    op.create_table(
        "copy",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("match", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["match"], ["match.id"], name=op.f("fk_copy_match_match")),
        sa.ForeignKeyConstraint(["rule"], ["rule.id"], name=op.f("fk_copy_rule_rule")),
        sa.ForeignKeyConstraint(["entry"], ["entry.id"], name=op.f("fk_copy_entry_entry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copy")),
    )
    op.create_index(op.f("ix_copy_match"), "copy", ["match"])
    op.create_index(op.f("ix_copy_entry"), "copy", ["entry"])
