"""What happened to the desk itself: sources in trouble, endpoints disabled, files refused."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session, col, delete, select

from store import values
from store.nouns import Event
from store.rows import EventRow

KEPT = 1000
"""So many of the latest events are kept."""

_MICROSECOND = timedelta(microseconds=1)


def note(session: Session, event: Event) -> None:
    """Store *event*, unless the last word on its subject was the very same.

    Instants of events are unique, as a feed's have to be: one that is taken
    gives way to the next free one.
    """
    last = session.exec(
        select(EventRow)
        .where(EventRow.about == event.about, col(EventRow.kind).startswith(f"{event.field}."))
        .order_by(col(EventRow.at).desc())
        .limit(1)
    ).first()
    words = values.storable(event.words)
    if last is not None and (last.kind, last.words) == (event.kind, words):
        return
    at = event.at
    while session.get(EventRow, at):
        at += _MICROSECOND
    about = values.storable(event.about)
    session.add(EventRow(at=at, kind=event.kind, about=about, words=words))
    session.flush()
    oldest = session.exec(
        select(EventRow.at).order_by(col(EventRow.at).desc()).offset(KEPT).limit(1)
    ).first()
    if oldest is not None:
        session.exec(delete(EventRow).where(col(EventRow.at) <= oldest))


def latest(session: Session, limit: int) -> tuple[Event, ...]:
    """Return the latest events, newest first."""
    rows = session.exec(select(EventRow).order_by(col(EventRow.at).desc()).limit(limit))
    return tuple(map(values.event, rows))
