"""Endpoints that fail are left alone for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column."""
    op.add_column("endpoint", sa.Column("rests_until", sa.BigInteger(), nullable=True))
