"""Who deliveries go to: the endpoints of the desk and of parts of us, and their health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func
from sqlmodel import Session, col, delete, exists, or_, select, update

from store import events, values
from store.nouns import Endpoint, Event
from store.rows import AttemptRow, DeliveryRow, EndpointRow
from store.standing import BREAKS_AT

DESK = "desk"
"""The owner of the endpoints that tocsin.toml names."""

_GIVEN_UP = "its endpoint is not in tocsin.toml any more"


def sync(session: Session, names: Sequence[str], now: datetime) -> None:
    """Make the desk's stored endpoints those of *names*; what one is owed that is gone is held.

    Those of another owner stay as they are.
    """
    mine = select(EndpointRow).where(EndpointRow.owner == DESK)
    rows = {row.name: row for row in session.exec(mine)}
    for name in names:
        row = rows.pop(name, None)
        if row is None:
            session.add(EndpointRow(name=name))
        elif not row.listed:
            row.listed = True
            if not row.disabled:
                release(session, name, now)
    for row in rows.values():
        if row.listed:
            row.listed = False
            hold(session, row.name, _GIVEN_UP)


def enlist(session: Session, name: str, owner: str) -> None:
    """Make *name* an endpoint of *owner*, a part of us; one that is there is enabled again."""
    row = session.get(EndpointRow, name) or EndpointRow(name=name)
    row.owner, row.listed = owner, True
    _make_well(row)
    session.add(row)


def forget(session: Session, name: str) -> None:
    """Forget an endpoint with all that it was owed and sent: it was nobody of the desk's."""
    owed = select(DeliveryRow.id).where(DeliveryRow.endpoint == name)
    session.flush()
    session.exec(delete(AttemptRow).where(col(AttemptRow.delivery).in_(owed)))
    session.exec(delete(DeliveryRow).where(col(DeliveryRow.endpoint) == name))
    session.exec(delete(EndpointRow).where(col(EndpointRow.name) == name))


def is_disabled(session: Session, name: str) -> bool:
    """Tell whether nothing is sent to an endpoint, or there is no such one."""
    row = session.get(EndpointRow, name)
    return row is None or bool(row.disabled)


def waits(session: Session, name: str) -> bool:
    """Tell whether an endpoint is owed something that nobody is sending now."""
    waiting = select(DeliveryRow.id).where(
        DeliveryRow.endpoint == name,
        col(DeliveryRow.state).in_(("due", "held")),
        DeliveryRow.token == "",
    )
    return session.exec(waiting.limit(1)).first() is not None


def listed(session: Session) -> tuple[Endpoint, ...]:
    """Return the desk's endpoints with what they are owed, by name."""
    counts: dict[str, dict[str, int]] = {}
    for name, state, count in session.exec(
        select(DeliveryRow.endpoint, DeliveryRow.state, func.count()).group_by(
            DeliveryRow.endpoint, DeliveryRow.state
        )
    ):
        counts.setdefault(name, {})[state] = count
    rows = session.exec(
        select(EndpointRow)
        .where(col(EndpointRow.listed), EndpointRow.owner == DESK)
        .order_by(EndpointRow.name)
    )
    return tuple(values.endpoint(row, counts.get(row.name, {})) for row in rows)


def due(session: Session, now: datetime) -> tuple[str, ...]:
    """Return the names of the endpoints that something can be sent to now."""
    owed = exists().where(col(DeliveryRow.endpoint) == EndpointRow.name, *sendable(now))
    to_probe = exists().where(col(DeliveryRow.endpoint) == EndpointRow.name, *given_up(now))
    closing = exists().where(col(DeliveryRow.endpoint) == EndpointRow.name, *_closing(now))
    rests = col(EndpointRow.rests_until)
    rows = session.exec(
        select(EndpointRow.name)
        .where(
            col(EndpointRow.listed),
            EndpointRow.disabled == "",
            or_(rests.is_(None), rests <= now),
            or_(
                owed,
                closing,
                col(EndpointRow.digest_at) <= now,
                (col(EndpointRow.failures) >= BREAKS_AT) & to_probe,
            ),
        )
        .order_by(EndpointRow.name)
    )
    return tuple(rows)


def sendable(now: datetime) -> tuple[Any, ...]:
    """Return what is true of a delivery that is due and claimed by nobody."""
    return (DeliveryRow.state == "due", DeliveryRow.due <= now, _unclaimed(now))


def _closing(now: datetime) -> tuple[Any, ...]:
    return (DeliveryRow.state == "waiting", DeliveryRow.due <= now)


def given_up(now: datetime) -> tuple[Any, ...]:
    """Return what is true of a delivery that was tried to the end and kept, as its endpoint was dead."""
    return (DeliveryRow.state == "held", col(DeliveryRow.attempts) > 0, _unclaimed(now))


def _unclaimed(now: datetime) -> Any:
    return or_(col(DeliveryRow.lease_until).is_(None), col(DeliveryRow.lease_until) <= now)


def enable(session: Session, name: str, now: datetime) -> int | None:
    """Enable an endpoint; return how many held deliveries are due again, None without such a one."""
    row = session.get(EndpointRow, name)
    if row is None or not row.listed:
        return None
    if row.disabled:
        words = "what was held for it is sent now"
        events.note(session, Event(kind="endpoint.enabled", about=name, words=words, at=now))
    _make_well(row)
    session.flush()
    return release(session, name, now)


def _make_well(row: EndpointRow) -> None:
    row.disabled, row.failures, row.failing_since, row.rests_until = "", 0, None, None


def hold(session: Session, endpoint: str, reason: str) -> None:
    """Hold all that *endpoint* is owed; what has no reason of its own gets this one."""
    session.flush()
    error = col(DeliveryRow.error)
    session.exec(
        update(DeliveryRow)
        .where(col(DeliveryRow.endpoint) == endpoint, col(DeliveryRow.state) == "due")
        .values(state="held", error=case((error == "", values.storable(reason)), else_=error))
    )


def release(session: Session, endpoint: str, now: datetime, *, tried_only: bool = False) -> int:
    """Make what is held for *endpoint* due, on a fresh schedule; return how many deliveries that are.

    *tried_only* leaves those that were never tried: somebody else holds them.
    """
    session.flush()
    held = update(DeliveryRow).where(
        col(DeliveryRow.endpoint) == endpoint, col(DeliveryRow.state) == "held"
    )
    if tried_only:
        held = held.where(col(DeliveryRow.attempts) > 0)
    return session.exec(held.values(state="due", due=now, attempts=0, error="")).rowcount


def mend(session: Session, now: datetime, longest: Any) -> None:
    """Make sense of instants that a clock which was ahead has left: none is later than *longest* from now."""
    far = now + longest
    rests = update(EndpointRow).where(col(EndpointRow.rests_until) > far)
    session.exec(rests.values(rests_until=None))
    failing = update(EndpointRow).where(col(EndpointRow.failing_since) > now)
    session.exec(failing.values(failing_since=now))
