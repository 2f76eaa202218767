"""A rule keeps the ids of its matches under another name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the columns; no rule was called otherwise before."""
    for name in ("origin", "became"):
        op.add_column("rule", sa.Column(name, sa.String(), nullable=False, server_default=""))
