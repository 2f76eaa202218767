"""Both texts are kept where linked articles are read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; an article of before is read once more, and then known."""
    op.add_column("entry", sa.Column("shown", sa.String(), nullable=False, server_default=""))
    op.add_column(
        "entry", sa.Column("missing", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("revision", sa.Column("other", sa.Text(), nullable=False, server_default=""))
