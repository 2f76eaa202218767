"""What is owed to endpoints: deliveries, their states, tries and leases."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func
from sqlmodel import Session, col, delete, or_, select, update

from store import events, values
from store.nouns import Attempt, Delivery, DeliveryState, Endpoint, Event, Owed
from store.rows import AttemptRow, DeliveryRow, EndpointRow

Outcome = Literal["delivered", "retry", "failed", "gone"]

DESK = "desk"
"""The owner of the endpoints that tocsin.toml names."""

GONE = "it answered 410 Gone"


def sync(session: Session, names: Sequence[str]) -> None:
    """Make the desk's stored endpoints those of *names*; what one was owed is kept.

    Those of another owner stay as they are.
    """
    mine = select(EndpointRow).where(EndpointRow.owner == DESK)
    rows = {row.name: row for row in session.exec(mine)}
    for name in names:
        if (row := rows.pop(name, None)) is None:
            session.add(EndpointRow(name=name))
        else:
            row.listed = True
    for row in rows.values():
        row.listed = False


def enlist(session: Session, name: str, owner: str) -> None:
    """Make *name* an endpoint of *owner*, a part of us; one that is there is enabled again."""
    row = session.get(EndpointRow, name) or EndpointRow(name=name)
    row.owner, row.listed = owner, True
    row.disabled, row.failures, row.failing_since = "", 0, None
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


def owe(
    session: Session, owed: Sequence[Owed], numbers: Mapping[str, int], now: datetime
) -> tuple[Delivery, ...]:
    """Store deliveries with their payloads frozen to bytes, and return them.

    *numbers* give the number of each match, by its id. A delivery that is
    stored already stays as it is: an id stands for one body.
    """
    if not owed:
        return ()
    endpoints = {row.name: row for row in session.exec(select(EndpointRow))}
    for name in {one.endpoint for one in owed} - endpoints.keys():
        endpoints[name] = EndpointRow(name=name, listed=False)
        session.add(endpoints[name])
    session.flush()
    stored = {row.id: row for some in values.batches(owed) for row in _stored(session, some)}
    for one in owed:
        if one.id not in stored:
            stored[one.id] = DeliveryRow(
                id=one.id,
                endpoint=one.endpoint,
                event=one.event,
                match=one.match,
                body=one.body or _frozen(one.payload, numbers.get(one.match)),
                content_type=one.content_type,
                headers=dict(one.headers),
                state="held" if endpoints[one.endpoint].disabled else "due",
                created_at=now,
                due=now,
            )
            session.add(stored[one.id])
    return tuple(values.delivery(stored[one.id]) for one in owed)


def _stored(session: Session, owed: Sequence[Owed]) -> Iterable[DeliveryRow]:
    ids = [one.id for one in owed]
    return session.exec(select(DeliveryRow).where(col(DeliveryRow.id).in_(ids)))


def _frozen(payload: Mapping[str, Any], seq: int | None) -> bytes:
    tree = values.storable_tree(payload)
    if seq is not None:
        tree["data"]["seq"] = seq
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def endpoints(session: Session) -> tuple[Endpoint, ...]:
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
    return tuple(_endpoint(row, counts.get(row.name, {})) for row in rows)


def _endpoint(row: EndpointRow, counts: Mapping[str, int]) -> Endpoint:
    return Endpoint(
        name=row.name,
        disabled=row.disabled,
        failures=row.failures,
        failing_since=row.failing_since,
        succeeded_at=row.succeeded_at,
        due=counts.get("due", 0),
        held=counts.get("held", 0),
        delivered=counts.get("delivered", 0),
        failed=counts.get("failed", 0),
    )


def due_endpoints(session: Session, now: datetime) -> tuple[str, ...]:
    """Return the names of the endpoints that something can be sent to now."""
    rows = session.exec(
        select(EndpointRow.name)
        .join(DeliveryRow, col(DeliveryRow.endpoint) == EndpointRow.name)
        .where(col(EndpointRow.listed), EndpointRow.disabled == "", *_sendable(now))
        .distinct()
        .order_by(EndpointRow.name)
    )
    return tuple(rows)


def _sendable(now: datetime) -> tuple[Any, ...]:
    return (
        DeliveryRow.state == "due",
        DeliveryRow.due <= now,
        or_(col(DeliveryRow.lease_until).is_(None), col(DeliveryRow.lease_until) <= now),
    )


def claim(
    session: Session, endpoint: str, now: datetime, lease: timedelta, limit: int
) -> tuple[Delivery, ...]:
    """Return up to *limit* deliveries that the caller alone may send until the lease ends."""
    owner = session.get(EndpointRow, endpoint)
    if owner is None or owner.disabled:
        return ()
    rows = session.exec(
        select(DeliveryRow)
        .where(DeliveryRow.endpoint == endpoint, *_sendable(now))
        .order_by(col(DeliveryRow.due), col(DeliveryRow.created_at), DeliveryRow.id)
        .limit(limit)
    ).all()
    for row in rows:
        row.token = secrets.token_hex(16)
        row.lease_until = now + lease
    return tuple(map(values.delivery, rows))


def release(session: Session, deliveries: Iterable[Delivery]) -> None:
    """Give up the claims on *deliveries*; they are as due as before."""
    for held in deliveries:
        row = session.get(DeliveryRow, held.id)
        if row is not None and row.token == held.token:
            row.token, row.lease_until = "", None


def forget_claims(session: Session) -> None:
    """Free every delivery: whoever claimed one is dead."""
    held = update(DeliveryRow).where(col(DeliveryRow.token) != "")
    session.exec(held.values(token="", lease_until=None))


def settle(
    session: Session,
    held: Delivery,
    attempt: Attempt,
    *,
    outcome: Outcome,
    retry_at: datetime | None,
) -> bool:
    """Record a try and what becomes of the delivery; False where the claim was lost meanwhile."""
    row = session.get(DeliveryRow, held.id)
    if row is None or not held.token or row.token != held.token:
        return False
    _log(session, row, attempt)
    row.attempts += 1
    row.error = values.storable(attempt.error)
    row.token, row.lease_until = "", None
    endpoint = session.get_one(EndpointRow, row.endpoint)
    if outcome == "delivered":
        row.state, row.delivered_at = "delivered", attempt.at
        endpoint.failures, endpoint.failing_since = 0, None
        endpoint.succeeded_at = attempt.at
        return True
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or attempt.at
    if outcome == "failed" or (outcome == "retry" and retry_at is None):
        row.state = "failed"
    elif retry_at is not None:
        row.due = retry_at
    if outcome == "gone":
        endpoint.disabled = GONE
        disabled = Event(kind="endpoint.disabled", about=row.endpoint, words=GONE, at=attempt.at)
        events.note(session, disabled)
    if endpoint.disabled:
        session.flush()
        _move(session, row.endpoint, "due", "held")
    return True


def _log(session: Session, row: DeliveryRow, attempt: Attempt) -> None:
    last = session.exec(
        select(func.coalesce(func.max(AttemptRow.number), 0)).where(AttemptRow.delivery == row.id)
    ).one()
    session.add(
        AttemptRow(
            delivery=row.id,
            number=last + 1,
            at=attempt.at,
            took_us=attempt.took // timedelta(microseconds=1),
            status=attempt.status,
            error=values.storable(attempt.error),
            response=values.storable(attempt.response),
        )
    )


def _move(session: Session, endpoint: str, old: str, new: str, **columns: Any) -> int:
    moved = session.exec(
        update(DeliveryRow)
        .where(col(DeliveryRow.endpoint) == endpoint, col(DeliveryRow.state) == old)
        .values(state=new, **columns)
    )
    return moved.rowcount


def enable(session: Session, name: str, now: datetime) -> int | None:
    """Enable an endpoint; return how many held deliveries are due again, None without such a one."""
    row = session.get(EndpointRow, name)
    if row is None or not row.listed:
        return None
    if row.disabled:
        words = "what was held for it is sent now"
        events.note(session, Event(kind="endpoint.enabled", about=name, words=words, at=now))
    row.disabled, row.failures, row.failing_since = "", 0, None
    session.flush()
    return _move(session, name, "held", "due", due=now, attempts=0)


def deliveries(
    session: Session, endpoint: str | None, state: DeliveryState | None, limit: int
) -> tuple[Delivery, ...]:
    """Return the latest deliveries, newest first, without their tries."""
    query = select(DeliveryRow).order_by(col(DeliveryRow.created_at).desc(), DeliveryRow.id)
    if endpoint is not None:
        query = query.where(DeliveryRow.endpoint == endpoint)
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    return tuple(map(values.delivery, session.exec(query.limit(limit))))


def delivery(session: Session, identity: str) -> Delivery | None:
    """Return the delivery with every try."""
    row = session.get(DeliveryRow, identity)
    if row is None:
        return None
    log = session.exec(
        select(AttemptRow).where(AttemptRow.delivery == identity).order_by(col(AttemptRow.number))
    )
    return values.delivery(row, log)


def redeliver(session: Session, identity: str, now: datetime) -> Delivery | None:
    """Make a delivery due again, on a fresh schedule, with the id and the bytes that it had."""
    row = session.get(DeliveryRow, identity)
    if row is None:
        return None
    endpoint = session.get_one(EndpointRow, row.endpoint)
    row.state = "held" if endpoint.disabled else "due"
    row.due, row.attempts, row.error = now, 0, ""
    row.token, row.lease_until = "", None
    session.flush()
    return delivery(session, identity)
