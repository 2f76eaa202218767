"""Whose an entry is, where its source passes it on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; what was stored before is known by its source or its host."""
    op.add_column("entry", sa.Column("outlet", sa.Text(), nullable=False, server_default=""))
