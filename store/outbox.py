"""What is owed to endpoints: deliveries, their states, tries and leases."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import func
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select, update

from store import bundles, escalation, events, receivers, values
from store.holding import Holding
from store.nouns import (
    Attempt,
    Backlog,
    Delivery,
    DeliveryState,
    Endpoint,
    Event,
    Owed,
    Settled,
    Tried,
)
from store.rows import AttemptRow, DeliveryRow, EndpointRow, SourceRow
from store.standing import after, is_broken

_OWED = ("due", "held", "waiting")
_NOT_ALONE = ("waiting", "bundled", "spared")
"""States of deliveries that another one told of, or will, or of which nobody is told."""


def owe(
    session: Session, owed: Sequence[Owed], told: Mapping[str, Mapping[str, Any]], now: datetime
) -> tuple[Delivery, ...]:
    """Store deliveries with their payloads frozen to bytes, and return them.

    *told* is what the store alone knows of each match, by its id, for the `data` of
    payloads. A delivery that is stored already stays as it is: an id stands for one body.
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
            disabled = endpoints[one.endpoint].disabled
            stored[one.id] = DeliveryRow(
                id=one.id,
                endpoint=one.endpoint,
                event=one.event,
                match=one.match,
                body=one.body or _frozen(one.payload, told.get(one.match, {})),
                content_type=one.content_type,
                headers=dict(one.headers),
                state="spared" if one.when else "held" if disabled else "due",
                why=escalation.SPARED if one.when else "",
                error=f"the endpoint is disabled: {disabled}" if disabled else "",
                created_at=now,
                due=now,
            )
            session.add(stored[one.id])
    return tuple(values.delivery(stored[one.id]) for one in owed)


def _stored(session: Session, owed: Sequence[Owed]) -> Iterable[DeliveryRow]:
    ids = [one.id for one in owed]
    return session.exec(select(DeliveryRow).where(col(DeliveryRow.id).in_(ids)))


def _frozen(payload: Mapping[str, Any], told: Mapping[str, Any]) -> bytes:
    tree = values.storable_tree(payload)
    if told:
        tree["data"].update(told)
    return values.frozen(tree)


def claim(
    session: Session,
    endpoint: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    *,
    holding: Holding,
    render: bundles.Render | None,
) -> tuple[Delivery, ...]:
    """Return up to *limit* deliveries that the caller alone may send until the lease ends.

    Before that, what is new is let go or made to wait, as *holding* asks, and what
    waited long enough becomes digests, which *render* writes. An endpoint that failed
    too often gets one delivery, and nothing beside it.
    """
    owner = session.get(EndpointRow, endpoint)
    if owner is None or owner.disabled or (owner.rests_until and owner.rests_until > now):
        return ()
    if render is not None:
        bundles.sort(session, owner, holding, render, now)
    if is_broken(values.endpoint(owner)):
        rows = _to_probe(session, endpoint, now)
    else:
        rows = _claimable(session, endpoint, receivers.sendable(now), limit)
    token = secrets.token_hex(16)
    for row in rows:
        row.token, row.lease_until = token, now + lease
    return tuple(map(values.delivery, rows))


def _to_probe(session: Session, endpoint: str, now: datetime) -> Sequence[DeliveryRow]:
    under_way = select(DeliveryRow.id).where(
        DeliveryRow.endpoint == endpoint,
        col(DeliveryRow.state).in_(("due", "held")),
        col(DeliveryRow.lease_until) > now,
    )
    if session.exec(under_way.limit(1)).first():
        return ()
    due = _claimable(session, endpoint, receivers.sendable(now), 1)
    return due or _claimable(session, endpoint, receivers.given_up(now), 1)


def _claimable(
    session: Session, endpoint: str, conditions: Iterable[Any], limit: int
) -> Sequence[DeliveryRow]:
    return session.exec(
        select(DeliveryRow)
        .where(DeliveryRow.endpoint == endpoint, *conditions)
        .order_by(col(DeliveryRow.due), col(DeliveryRow.created_at), DeliveryRow.id)
        .limit(limit)
    ).all()


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


Tell = Callable[[str, str, datetime], Sequence[Owed]]
"""Returns what is owed to other endpoints where the one of this name is disabled for this reason."""


def settle(session: Session, tries: Sequence[Tried], tell: Tell) -> tuple[Settled, ...]:
    """Record tries and what becomes of their deliveries; return what that is, in the same order."""
    ids = list({one.delivery.id for one in tries})
    rows = {
        row.id: row
        for some in values.batches(ids)
        for row in session.exec(
            select(DeliveryRow).options(_without_body).where(col(DeliveryRow.id).in_(some))
        )
    }
    numbers = _last_numbers(session, ids)
    settled = [_settled(session, rows.get(one.delivery.id), one, numbers, tell) for one in tries]
    # What the last of them says of an endpoint is true for all of it.
    rests = {one.delivery.endpoint: how.rests for one, how in zip(tries, settled, strict=True)}
    return tuple(
        replace(how, rests=rests[one.delivery.endpoint])
        for one, how in zip(tries, settled, strict=True)
    )


_without_body = defer(cast(Any, DeliveryRow.body))


def _last_numbers(session: Session, ids: Sequence[str]) -> dict[str, int]:
    return dict(
        pair
        for some in values.batches(ids)
        for pair in session.exec(
            select(AttemptRow.delivery, func.max(AttemptRow.number))
            .where(col(AttemptRow.delivery).in_(some))
            .group_by(AttemptRow.delivery)
        )
    )


def _settled(
    session: Session, row: DeliveryRow | None, tried: Tried, numbers: dict[str, int], tell: Tell
) -> Settled:
    token = tried.delivery.token
    if row is None or not token or row.token != token:
        return Settled(state=None)
    number = numbers[row.id] = numbers.get(row.id, 0) + 1
    _log(session, row.id, number, tried.attempt)
    row.attempts += 1
    row.error = values.storable(tried.attempt.error)
    row.token, row.lease_until = "", None
    owner = session.get_one(EndpointRow, row.endpoint)
    before = values.endpoint(owner)
    left = after(before, tried)
    owner.failures, owner.failing_since = left.failures, left.failing_since
    owner.succeeded_at, owner.rests_until = left.succeeded_at, left.rests_until
    owner.disabled = left.disabled
    if tried.outcome == "delivered":
        row.state, row.delivered_at = "delivered", tried.attempt.at
        if before.failures and not left.disabled:
            receivers.release(session, owner.name, tried.attempt.at, tried_only=True)
        return Settled(state="delivered")
    state: DeliveryState = _state(session, row, number, tried, left)
    row.state = state
    row.due = tried.retry_at or row.due
    if left.disabled and not before.disabled:
        return _disabled(session, left, tried.attempt.at, state, tell)
    return Settled(state=state, rests=bool(left.rests_until or left.disabled))


def _state(
    session: Session, row: DeliveryRow, number: int, tried: Tried, left: Endpoint
) -> DeliveryState:
    """Return what becomes of a delivery that did not arrive.

    One whose tries are used up has failed where others arrived meanwhile; where
    nothing did, it is kept until something does.
    """
    if left.disabled:
        return "held"
    if tried.retry_at is not None and tried.outcome == "retry":
        return "due"
    first = session.get(AttemptRow, (row.id, number - row.attempts + 1))
    begun = first.at if first else tried.attempt.at
    return "held" if left.failing_since and left.failing_since <= begun else "failed"


def _disabled(
    session: Session, left: Endpoint, at: datetime, state: DeliveryState, tell: Tell
) -> Settled:
    words = left.disabled
    receivers.hold(session, left.name, f"the endpoint is disabled: {words}")
    disabled = Event(kind="endpoint.disabled", about=left.name, words=words, at=at)
    events.note(session, disabled)
    told = owe(session, tell(left.name, words, at), {}, at)
    rung = tuple(one.endpoint for one in told if one.state == "due")
    return Settled(state=state, rests=True, disabled=words, rung=rung)


def _log(session: Session, identity: str, number: int, attempt: Attempt) -> None:
    session.add(
        AttemptRow(
            delivery=identity,
            number=number,
            at=attempt.at,
            took_us=attempt.took // timedelta(microseconds=1),
            status=attempt.status,
            error=values.storable(attempt.error),
            response=values.storable(attempt.response),
        )
    )


def mend(session: Session, now: datetime, longest: timedelta) -> None:
    """Make sense of instants that a clock which was ahead has left.

    A delivery from the future is due, and no other try or lease is further off
    than *longest*.
    """
    far = now + longest
    due = update(DeliveryRow).where(col(DeliveryRow.state) == "due", col(DeliveryRow.due) > now)
    born = col(DeliveryRow.created_at)
    session.exec(due.where(born > now, col(DeliveryRow.due) <= born).values(due=now))
    tried = due.where(col(DeliveryRow.attempts) > 0, col(DeliveryRow.due) > far)
    session.exec(tried.values(due=far))
    waiting = update(DeliveryRow).where(col(DeliveryRow.state) == "waiting", born > now)
    session.exec(waiting.values(due=now))
    leased = update(DeliveryRow).where(col(DeliveryRow.lease_until) > far)
    session.exec(leased.values(lease_until=None, token=""))


def deliveries(
    session: Session,
    endpoint: str | None,
    state: DeliveryState | None,
    since: datetime | None,
    limit: int,
    *,
    of_desk: bool = False,
) -> tuple[Delivery, ...]:
    """Return the latest deliveries, newest first, without their tries."""
    query = select(DeliveryRow).order_by(col(DeliveryRow.created_at).desc(), DeliveryRow.id)
    query = query.where(*_wanted(endpoint, state, since), *([_of_desk()] if of_desk else []))
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
    """Make a delivery due again, on a fresh schedule, with the id and the bytes that it had.

    It leaves alone, whatever its endpoint asks for.
    """
    if session.get(DeliveryRow, identity) is None:
        return None
    _again(session, now, col(DeliveryRow.id) == identity, placed_at=now)
    session.expire_all()
    return delivery(session, identity)


def replay(
    session: Session,
    since: datetime,
    endpoint: str | None,
    state: DeliveryState | None,
    now: datetime,
) -> int:
    """Make all deliveries to the desk's endpoints since then due again; return how many.

    What others told of, or were spared, is left out, unless that *state* is asked for.
    """
    alone = [] if state else [col(DeliveryRow.state).not_in(_NOT_ALONE)]
    wanted = _wanted(endpoint, state, since)
    return _again(session, now, _of_desk(), *alone, *wanted, placed_at=None)


def _of_desk() -> Any:
    mine = select(EndpointRow.name).where(EndpointRow.owner == receivers.DESK)
    return col(DeliveryRow.endpoint).in_(mine)


def _wanted(
    endpoint: str | None, state: DeliveryState | None, since: datetime | None
) -> Iterator[Any]:
    if endpoint is not None:
        yield col(DeliveryRow.endpoint) == endpoint
    if state is not None:
        yield col(DeliveryRow.state) == state
    if since is not None:
        yield col(DeliveryRow.created_at) >= since


def _again(session: Session, now: datetime, *conditions: Any, **columns: Any) -> int:
    fresh = {"due": now, "attempts": 0, "token": "", "lease_until": None, "bundle": ""}
    due = update(DeliveryRow).where(*conditions).values(state="due", error="", **fresh, **columns)
    count = session.exec(due).rowcount
    disabled = select(EndpointRow).where(EndpointRow.disabled != "")
    for owner in session.exec(disabled):
        receivers.hold(session, owner.name, f"the endpoint is disabled: {owner.disabled}")
    return count


def backlog(session: Session, now: datetime) -> Backlog:
    """Return what is owed to all endpoints, and how many polls and deliveries are stalled."""
    owed: dict[str, int] = dict.fromkeys(_OWED, 0)
    owed.update(
        session.exec(
            select(DeliveryRow.state, func.count())
            .where(col(DeliveryRow.state).in_(_OWED))
            .group_by(DeliveryRow.state)
        ).all()
    )
    oldest = session.exec(
        select(func.min(DeliveryRow.due)).where(DeliveryRow.state == "due", DeliveryRow.due <= now)
    ).one()
    stalled = sum(
        session.exec(
            select(func.count()).where(col(row.token) != "", col(row.lease_until) <= now)
        ).one()
        for row in (SourceRow, DeliveryRow)
    )
    return Backlog(states=owed, oldest=oldest, stalled=stalled)
