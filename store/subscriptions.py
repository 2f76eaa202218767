"""What was asked of the hubs of sources that push (WebSub), and until when they will."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from store import values
from store.nouns import Hub, Subscription
from store.rows import SourceRow, SubscriptionRow

RENEWED_AFTER = 0.75
"""A lease is renewed after so much of it."""


def take_in(session: Session, source: str, hub: Hub | None, now: datetime) -> None:
    """Note the hub that a source names; another one, or another topic, is asked anew."""
    row = session.get(SubscriptionRow, source)
    if hub is None:
        if row is not None:
            session.delete(row)
        return
    if row is not None and (row.hub, row.topic) == (hub.address, hub.topic):
        return
    if row is not None:
        session.delete(row)
        session.flush()
    session.add(
        SubscriptionRow(
            source=source,
            hub=hub.address,
            topic=hub.topic,
            callback=secrets.token_urlsafe(24),
            secret=secrets.token_hex(32),
            due=now,
        )
    )


def those_with(session: Session, sources: Sequence[str]) -> frozenset[str]:
    """Return which of *sources* have a hub that was noted."""
    found: set[str] = set()
    for some in values.batches(sources):
        named = select(SubscriptionRow.source).where(col(SubscriptionRow.source).in_(some))
        found.update(session.exec(named))
    return frozenset(found)


def due(session: Session, now: datetime, limit: int) -> tuple[str, ...]:
    """Return the sources whose hub is to be asked now."""
    rows = session.exec(
        select(SubscriptionRow.source)
        .join(SourceRow, col(SourceRow.name) == SubscriptionRow.source)
        .where(col(SourceRow.listed), col(SourceRow.enabled), SubscriptionRow.due <= now)
        .order_by(col(SubscriptionRow.due))
        .limit(limit)
    )
    return tuple(rows)


def of_source(session: Session, source: str) -> Subscription | None:
    """Return what was asked for a source."""
    row = session.get(SubscriptionRow, source)
    return values.subscription(row) if row else None


def every(session: Session) -> tuple[Subscription, ...]:
    """Return all subscriptions of the desk's sources, by source."""
    rows = session.exec(
        select(SubscriptionRow)
        .join(SourceRow, col(SourceRow.name) == SubscriptionRow.source)
        .where(col(SourceRow.listed))
        .order_by(SubscriptionRow.source)
    )
    return tuple(map(values.subscription, rows))


def at(session: Session, callback: str) -> Subscription | None:
    """Return the subscription that a hub calls at *callback*."""
    row = _at(session, callback)
    return values.subscription(row) if row else None


def asked(session: Session, source: str, error: str, retry_at: datetime) -> None:
    """Note that the hub was asked; *error* is its refusal, *retry_at* when to ask again."""
    row = session.get(SubscriptionRow, source)
    if row is not None:
        row.error = values.storable(error)
        row.failures = row.failures + 1 if error else row.failures
        row.due = retry_at


def confirmed(session: Session, callback: str, now: datetime, lease: timedelta) -> None:
    """Note that the hub will push for so long."""
    if row := _at(session, callback):
        row.lease_until = now + lease
        row.due = now + lease * RENEWED_AFTER
        row.error, row.failures = "", 0


def denied(session: Session, callback: str, reason: str, retry_at: datetime) -> None:
    """Note that the hub refuses or ended the subscription."""
    if row := _at(session, callback):
        row.lease_until = None
        row.error = values.storable(reason)
        row.failures += 1
        row.due = retry_at


def pushed(session: Session, callback: str, now: datetime) -> None:
    """Note that something was pushed."""
    if row := _at(session, callback):
        row.pushed_at = now


def _at(session: Session, callback: str) -> SubscriptionRow | None:
    return session.exec(
        select(SubscriptionRow).where(SubscriptionRow.callback == callback)
    ).one_or_none()
