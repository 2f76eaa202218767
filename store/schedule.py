"""What is to be polled and when: sources, their health, and the leases on them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, or_, select, update

from store import subscriptions, values
from store.condition import after
from store.nouns import Claim, Coverage, Poll, Rest, Source, SourceSpec, Wanted, server_of
from store.rows import CoverageRow, SourceRow

# What every poll does is written for many polls at once, past the mapper of objects: that
# costs a tenth.
_SOURCE = SQLModel.metadata.tables[SourceRow.__tablename__]
_DAY = SQLModel.metadata.tables[CoverageRow.__tablename__]
_ROW = _SOURCE.update().where(_SOURCE.c.name == sa.bindparam("row"))
_COUNTS = ("read", "failed", "new", "overrun")
_COUNTED = (
    _DAY.update()
    .where(_DAY.c.source == sa.bindparam("row"), _DAY.c.day == sa.bindparam("on"))
    .values({name: sa.bindparam(f"n_{name}") for name in _COUNTS})
)


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


def claim(session: Session, wanted: Sequence[Wanted], lease: timedelta) -> list[Claim | None]:
    """Return the right to poll each source that is *wanted*, None where it cannot be had now."""
    rows = _rows(session, [one.source for one in wanted])
    claims: list[Claim | None] = []
    for one in wanted:
        row = rows.get(one.source)
        if row is None or not _free(row, one):
            claims.append(None)
            continue
        del rows[one.source]  # the next who wants it comes too late
        token, until = secrets.token_hex(16), one.now + lease
        claims.append(Claim(source=values.source(row), token=token, until=until))
    held = [
        {"row": one.source.name, "token": one.token, "lease_until": one.until}
        for one in claims
        if one is not None
    ]
    if held:
        session.connection().execute(_ROW, held)
    return claims


def _free(row: Any, wanted: Wanted) -> bool:
    if not row.listed or (row.lease_until and row.lease_until > wanted.now):
        return False
    is_due = row.enabled and not row.gone and row.next_poll_at <= wanted.now
    return is_due or not wanted.due_only


def _rows(session: Session, names: Sequence[str]) -> dict[str, Any]:
    """Return the rows of the sources *names*, not to be changed."""
    found: dict[str, Any] = {}
    for some in values.batches(names):
        rows = session.connection().execute(_SOURCE.select().where(_SOURCE.c.name.in_(some)))
        found.update((row.name, row) for row in rows)
    return found


def renew(session: Session, held: Claim, until: datetime) -> bool:
    """Hold the claim until then; False where it was lost meanwhile."""
    row = claimed(session, held.source.name, held.token)
    if row is not None:
        row.lease_until = until
    return row is not None


def mend(session: Session, now: datetime) -> None:
    """Make those due that were read in the future: the clock was ahead then."""
    future = update(SourceRow).where(col(SourceRow.polled_at) > now)
    session.exec(future.values(next_poll_at=now, polled_at=now))


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


def held(session: Session, polls: Sequence[Poll]) -> dict[str, Source]:
    """Return the sources of those *polls* whose claims are still the right to write them, by token."""
    rows = _rows(session, [poll.source for poll in polls])
    return {
        poll.token: values.source(rows[poll.source])
        for poll in polls
        if poll.source in rows and poll.token and rows[poll.source].token == poll.token
    }


def settle(session: Session, settled: Sequence[tuple[Source, Poll, int]]) -> None:
    """Write what came of polls onto the rows of their sources, and end their leases.

    Each is given with its source as it was, and how many entries are new.
    """
    if not settled:
        return
    columns = [
        {
            "row": poll.source,
            "entries": source.entries + new,
            "token": "",
            "lease_until": None,
            **values.health(after(source, poll)),
        }
        for source, poll, new in settled
    ]
    session.connection().execute(_ROW, columns)
    for rest in {poll.rest for _, poll, _ in settled if poll.rest is not None}:
        _rest(session, rest)
    _cover(session, [(poll, new) for _, poll, new in settled])
    pushed = subscriptions.those_with(session, [poll.source for _, poll, _ in settled])
    for _, poll, _ in settled:
        seen, name = poll.seen, poll.source
        if seen is not None and seen.read and not poll.error and (seen.hub or name in pushed):
            subscriptions.take_in(session, name, seen.hub, poll.at)


def _rest(session: Session, rest: Rest) -> None:
    """Let every source of a server that wants to be left alone wait as long as it asked."""
    sooner = select(SourceRow.name, SourceRow.address, SourceRow.moved_to).where(
        SourceRow.next_poll_at < rest.until,
        or_(
            col(SourceRow.address).icontains(rest.server, autoescape=True),
            col(SourceRow.moved_to).icontains(rest.server, autoescape=True),
        ),
    )
    names = [
        name
        for name, *places in session.exec(sooner)
        if rest.server in {server_of(place) for place in places}
    ]
    for some in values.batches(names):
        later = update(SourceRow).where(col(SourceRow.name).in_(some))
        session.exec(later.values(next_poll_at=rest.until))


def _cover(session: Session, polls: Sequence[tuple[Poll, int]]) -> None:
    """Count polls on their days."""
    days: dict[tuple[str, date], dict[str, Any]] = {}
    for some in values.batches([poll for poll, _ in polls]):
        rows = session.connection().execute(
            _DAY.select().where(
                _DAY.c.source.in_([poll.source for poll in some]),
                _DAY.c.day.in_({poll.at.date() for poll in some}),
            )
        )
        days.update(((row["source"], row["day"]), dict(row)) for row in rows.mappings())
    stored = set(days)
    for poll, new in polls:
        key = (poll.source, poll.at.date())
        day = days.setdefault(key, {"source": key[0], "day": key[1], **dict.fromkeys(_COUNTS, 0)})
        day["failed"] += bool(poll.error)
        day["read"] += not poll.error and not poll.pushed
        day["new"] += new
        day["overrun"] += bool(poll.seen and poll.seen.overrun)
    changed = {(poll.source, poll.at.date()) for poll, _ in polls}
    if added := [days[key] for key in changed - stored]:
        session.connection().execute(_DAY.insert(), added)
    if counted := [
        {"row": key[0], "on": key[1], **{f"n_{name}": days[key][name] for name in _COUNTS}}
        for key in changed & stored
    ]:
        session.connection().execute(_COUNTED, counted)


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
