"""Who hears of changes of our feeds (WebSub): subscribers of our hub, and hubs of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from store import outbox, receivers, values, windows
from store.nouns import HubRequest, HubSubscriber, Owed, delivery_id, hub_id
from store.rows import HubRequestRow, HubSubscriberRow

OWNER = "hub"
"""The owner of the endpoints that are subscribers, or hubs of others."""

CHANGED = "feed.changed"
"""The event of what they are owed. Its payload names the feed, which is sent as it is by then."""

MOST_WAITING = 1000
MOST_SUBSCRIBERS = 10_000


def ask(session: Session, request: HubRequest) -> bool:
    """Note a request until it is confirmed, instead of an earlier one; False where there are too many."""
    row = session.get(HubRequestRow, request.id)
    if row is None:
        if _count(session, HubRequestRow) >= MOST_WAITING:
            return False
        is_new = session.get(HubSubscriberRow, request.id) is None
        if is_new and _count(session, HubSubscriberRow) >= MOST_SUBSCRIBERS:
            return False
    else:
        session.delete(row)
        session.flush()
    session.add(HubRequestRow(**values.hub_request_columns(request)))
    return True


def _count(session: Session, table: type[HubRequestRow | HubSubscriberRow]) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


def due_requests(session: Session, now: datetime, limit: int) -> tuple[str, ...]:
    """Return the ids of the requests that are to be confirmed now."""
    rows = session.exec(
        select(HubRequestRow.id)
        .where(HubRequestRow.due <= now)
        .order_by(col(HubRequestRow.due))
        .limit(limit)
    )
    return tuple(rows)


def request(session: Session, identity: str) -> HubRequest | None:
    """Return the request with that id."""
    row = session.get(HubRequestRow, identity)
    return values.hub_request(row) if row else None


def postpone(session: Session, asked: HubRequest, due: datetime) -> None:
    """Ask for the confirmation of a request again then, unless a newer one has taken its place."""
    if row := _same(session, asked):
        row.tries += 1
        row.due = due


def refuse(session: Session, asked: HubRequest) -> None:
    """Forget a request that its callback did not confirm."""
    if row := _same(session, asked):
        session.delete(row)


def confirm(session: Session, asked: HubRequest, rules: Sequence[str], now: datetime) -> None:
    """Carry out a request that its callback confirmed; what its feed of *rules* shows is no news."""
    refuse(session, asked)
    row = session.get(HubSubscriberRow, asked.id)
    if asked.mode == "unsubscribe":
        if row is not None:
            _end(session, row)
        return
    columns: dict[str, Any] = {
        "topic": asked.topic,
        "callback": asked.callback,
        "secret": asked.secret,
        "lease_until": now + asked.lease,
    }
    if row is None:
        session.add(
            HubSubscriberRow(id=asked.id, shown=windows.feed_version(session, rules), **columns)
        )
    else:
        row.sqlmodel_update(columns)
    receivers.enlist(session, asked.id, OWNER)


def _same(session: Session, asked: HubRequest) -> HubRequestRow | None:
    row = session.get(HubRequestRow, asked.id)
    return row if row is not None and row.challenge == asked.challenge else None


def subscriber(session: Session, identity: str) -> HubSubscriber | None:
    """Return the subscriber with that id."""
    row = session.get(HubSubscriberRow, identity)
    return values.hub_subscriber(row) if row else None


def subscribers(session: Session) -> tuple[HubSubscriber, ...]:
    """Return all subscribers, by topic."""
    rows = session.exec(
        select(HubSubscriberRow).order_by(HubSubscriberRow.topic, HubSubscriberRow.id)
    )
    return tuple(map(values.hub_subscriber, rows))


def sync(session: Session, addresses: Sequence[str], topics: Mapping[str, Sequence[str]]) -> None:
    """Make the hubs of others that hear of changes of *topics* those at these *addresses*."""
    held = session.exec(select(HubSubscriberRow).where(col(HubSubscriberRow.is_hub)))
    rows = {row.id: row for row in held}
    for address in addresses:
        for topic, rules in topics.items():
            identity = hub_id(topic, address)
            if rows.pop(identity, None) is None:
                shown = windows.feed_version(session, rules)
                session.add(
                    HubSubscriberRow(
                        id=identity,
                        topic=topic,
                        callback=address,
                        secret="",
                        is_hub=True,
                        shown=shown,
                    )
                )
            receivers.enlist(session, identity, OWNER)
    for row in rows.values():
        _end(session, row)


def owe_changes(
    session: Session, topics: Mapping[str, Sequence[str]], now: datetime, *, is_open: bool
) -> tuple[str, ...]:
    """Owe each subscriber the feed that changed; return the endpoints that are owed something.

    *topics* are the rules of each feed; *is_open* tells whether we have a hub of our own. A subscriber
    whose lease has ended is forgotten, and so is one whose feed is pushed no more, which
    is to be told that.
    """
    versions: dict[str, int] = {}
    rung = []
    for row in session.exec(select(HubSubscriberRow)).all():
        is_over = _is_over(session, row, now)
        is_pushed = row.topic in topics and (is_open or row.is_hub)
        if is_over or not is_pushed:
            if not is_over and not row.is_hub:
                _deny(session, row, now)
            _end(session, row)
            continue
        if row.topic not in versions:
            versions[row.topic] = windows.feed_version(session, topics[row.topic])
        if versions[row.topic] != row.shown:
            row.shown = versions[row.topic]
            rung.append(row.id)
            if not receivers.waits(session, row.id):
                _owe(session, row, now)
    return tuple(rung)


def _owe(session: Session, row: HubSubscriberRow, now: datetime) -> None:
    owed = Owed(
        id=delivery_id(CHANGED, f"{row.topic} {row.shown}", row.id),
        endpoint=row.id,
        event=CHANGED,
        payload={"topic": row.topic},
    )
    outbox.owe(session, [owed], {}, now)


def _deny(session: Session, row: HubSubscriberRow, now: datetime) -> None:
    denial = HubRequest(
        id=row.id,
        mode="denied",
        topic=row.topic,
        callback=row.callback,
        secret="",
        lease=timedelta(),
        challenge="",
        due=now,
    )
    ask(session, denial)


def _is_over(session: Session, row: HubSubscriberRow, now: datetime) -> bool:
    """Tell whether nothing is sent there any more: no lease, gone, or dead for days."""
    if row.lease_until is not None and row.lease_until <= now:
        return True
    return not row.is_hub and receivers.is_disabled(session, row.id)


def _end(session: Session, row: HubSubscriberRow) -> None:
    session.delete(row)
    receivers.forget(session, row.id)
