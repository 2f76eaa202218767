"""Deliveries have a content type and headers, endpoints an owner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; what there was is JSON for endpoints of the desk."""
    op.add_column(
        "delivery",
        sa.Column("content_type", sa.String(), nullable=False, server_default="application/json"),
    )
    op.add_column("delivery", sa.Column("headers", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column(
        "endpoint", sa.Column("owner", sa.String(), nullable=False, server_default="desk")
    )
