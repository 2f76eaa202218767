"""What is to be polled and when: sources, their health, and the leases on them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select, update

from store import subscriptions, values
from store.condition import after
from store.nouns import Claim, Coverage, Poll, Source, SourceSpec
from store.rows import CoverageRow, SourceRow


def sync(session: Session, specs: Sequence[SourceSpec], now: datetime) -> None:
    """Make the stored sources those of the desk; one that is gone keeps its entries."""
    rows = {row.name: row for row in session.exec(select(SourceRow))}
    for spec in specs:
        columns = values.described(spec)
        row = rows.pop(spec.name, None)
        if row is None:
            session.add(SourceRow(name=spec.name, added_at=now, next_poll_at=now, **columns))
            continue
        if (row.kind, row.address, row.links) != (spec.kind, spec.address, spec.links):
            _begin_anew(row, now)
        elif not (row.listed and row.enabled) or row.every_seconds != columns["every_seconds"]:
            row.next_poll_at = now
        row.sqlmodel_update(columns)
    for row in rows.values():
        row.listed = False


def _begin_anew(row: SourceRow, now: datetime) -> None:
    """Forget what was known of another address; what the new one shows first is its backlog."""
    row.sqlmodel_update(
        {
            "added_at": now,
            "next_poll_at": now,
            "etag": "",
            "last_modified": "",
            "body_sha256": "",
            "failures": 0,
            "error": "",
            "gone": False,
            "moved_to": "",
            "moved_since": None,
            "moved_polls": 0,
            "distrusted": False,
            "wishes": {},
            "empty_polls": 0,
            "overrun_at": None,
            "newest_at": None,
            "rhythm_seconds": None,
            "gap_seconds": None,
        }
    )


def listed(session: Session) -> tuple[Source, ...]:
    """Return the desk's sources, by name."""
    rows = session.exec(select(SourceRow).where(col(SourceRow.listed)).order_by(SourceRow.name))
    return tuple(map(values.source, rows))


def due(session: Session, now: datetime, limit: int) -> tuple[tuple[str, str], ...]:
    """Return up to *limit* sources to be polled now, the longest overdue first.

    Each is given by its name and, unless it may stand on a private address, the
    public address that it is read at.
    """
    rows = session.exec(
        select(SourceRow.name, SourceRow.address, SourceRow.allow_private)
        .where(*_pollable(now), SourceRow.next_poll_at <= now)
        .order_by(col(SourceRow.next_poll_at), SourceRow.name)
        .limit(limit)
    )
    return tuple((name, "" if private else address) for name, address, private in rows)


def _pollable(now: datetime) -> tuple[Any, ...]:
    return (
        col(SourceRow.listed),
        col(SourceRow.enabled),
        col(SourceRow.gone).is_(False),
        SourceRow.kind != "inbox",
        or_(col(SourceRow.lease_until).is_(None), col(SourceRow.lease_until) <= now),
    )


def claim(
    session: Session, name: str, now: datetime, lease: timedelta, *, due_only: bool
) -> Claim | None:
    """Return the right to poll the source *name*, or None where it cannot be had now."""
    row = session.get(SourceRow, name)
    if row is None or not row.listed or (row.lease_until and row.lease_until > now):
        return None
    if due_only and (not row.enabled or row.gone or row.next_poll_at > now):
        return None
    row.token = secrets.token_hex(16)
    row.lease_until = now + lease
    return Claim(source=values.source(row), token=row.token, until=row.lease_until)


def renew(session: Session, held: Claim, until: datetime) -> bool:
    """Hold the claim until then; False where it was lost meanwhile."""
    row = claimed(session, held.source.name, held.token)
    if row is not None:
        row.lease_until = until
    return row is not None


def forget_claims(session: Session) -> None:
    """Free every source: whoever claimed one is dead."""
    held = update(SourceRow).where(col(SourceRow.token) != "")
    session.exec(held.values(token="", lease_until=None))


def release(session: Session, held: Claim, now: datetime) -> None:
    """Give the claim back; the source is due at *now*."""
    if row := claimed(session, held.source.name, held.token):
        row.token, row.lease_until = "", None
        row.next_poll_at = now


def claimed(session: Session, name: str, token: str) -> SourceRow | None:
    """Return the source's row where *token* still is the right to write its poll."""
    row = session.get(SourceRow, name)
    return row if row and token and row.token == token else None


def settle(session: Session, row: SourceRow, poll: Poll, new: int) -> None:
    """Write the poll's outcome onto the source's row and end its lease."""
    row.entries += new
    row.token, row.lease_until = "", None
    row.sqlmodel_update(values.health(after(values.source(row), poll)))
    _cover(session, poll, new)
    if poll.seen is not None and poll.seen.read and not poll.error:
        subscriptions.take_in(session, poll.source, poll.seen.hub, poll.at)


def _cover(session: Session, poll: Poll, new: int) -> None:
    """Count the poll on its day."""
    key = (poll.source, poll.at.date())
    row = session.get(CoverageRow, key)
    if row is None:
        row = CoverageRow(source=poll.source, day=poll.at.date())
        session.add(row)
    if poll.error:
        row.failed += 1
    elif not poll.pushed:
        row.read += 1
    row.new += new
    row.overrun += bool(poll.seen and poll.seen.overrun)


def coverage(session: Session, since: date) -> dict[str, tuple[Coverage, ...]]:
    """Return the days of each source since then, by name."""
    rows = session.exec(
        select(CoverageRow).where(CoverageRow.day >= since).order_by(col(CoverageRow.day))
    )
    found: dict[str, list[Coverage]] = {}
    for row in rows:
        day = Coverage(
            day=row.day, read=row.read, failed=row.failed, new=row.new, overrun=row.overrun
        )
        found.setdefault(row.source, []).append(day)
    return {name: tuple(days) for name, days in found.items()}
