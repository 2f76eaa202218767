"""What need not be remembered for ever: deliveries that are over, with their tries."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, delete, or_, select

from store.nouns import DeliveryState
from store.receivers import DESK
from store.rows import AttemptRow, CoverageRow, DeliveryRow, EndpointRow

_OVER: tuple[DeliveryState, ...] = ("delivered", "bundled", "spared", "failed")
"""What is due, waits or is held is owed still, however old it is."""


def forget(session: Session, before: datetime, pushed_before: datetime, limit: int) -> int:
    """Forget up to *limit* deliveries older than *before* that are over; return how many.

    Those to endpoints that parts of us enlisted (subscribers of our hub, who are
    sent whole feeds) are forgotten before *pushed_before*, and days of sources
    with the deliveries of their time. Entries, matches and their ids stay, so that
    nothing is told again.
    """
    ours = select(EndpointRow.name).where(EndpointRow.owner != DESK)
    born = col(DeliveryRow.created_at)
    pushed = col(DeliveryRow.endpoint).in_(ours) & (born < pushed_before)
    old = (
        select(DeliveryRow.id)
        .where(col(DeliveryRow.state).in_(_OVER), or_(born < before, pushed))
        .order_by(born)
        .limit(limit)
    )
    ids = session.exec(old).all()
    session.exec(delete(AttemptRow).where(col(AttemptRow.delivery).in_(ids)))
    session.exec(delete(DeliveryRow).where(col(DeliveryRow.id).in_(ids)))
    session.exec(delete(CoverageRow).where(col(CoverageRow.day) < before.date()))
    return len(ids)
