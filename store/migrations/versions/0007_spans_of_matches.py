"""Matches are found by when they were found, for the archives of feeds."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_match_rule_matched_at", "match", ["rule", "matched_at"])
    op.create_index(op.f("ix_match_matched_at"), "match", ["matched_at"])
