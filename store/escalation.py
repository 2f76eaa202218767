"""Tells an endpoint of a rule's matches only when enough sources have some: once for each burst."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from rules import Escalation
from store import values
from store.nouns import Owed
from store.rows import CopyRow, DeliveryRow, EndpointRow, EntryRow, MatchRow

SPARED = "escalation"
"""Why a delivery is spared, and what marks those that count."""

_MOST_NAMED = 20


def raised(session: Session, owed: Iterable[Owed], now: datetime) -> tuple[str, ...]:
    """Make due what lifts its rule over the count of sources, and return whom it is owed to.

    *owed* are deliveries stored just now, spared so far. A burst begins where the
    sources of the last hours become enough, and ends where they are fewer again;
    it is told once, with all that led to it.
    """
    owed = tuple(owed)
    if not owed:
        return ()
    session.flush()
    asked: dict[tuple[str, str], tuple[Escalation, list[str]]] = {}
    rules = _rules(session, [one.match for one in owed])
    for one in owed:
        if one.when is not None and (rule := rules.get(one.match)):
            asked.setdefault((one.endpoint, rule), (one.when, []))[1].append(one.id)
    told = []
    for (endpoint, rule), (when, ids) in asked.items():
        counted = _counted(session, endpoint, rule, now, when)
        before = {source for row, source in counted if row.id not in ids}
        after = {source for _, source in counted}
        new = [row for row, _ in counted if row.id in ids and row.state == "spared"]
        if new and len(before) < when.sources <= len(after):
            _tell(session, new[-1], counted, when)
            told.append(endpoint)
    return tuple(told)


def _rules(session: Session, matches: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in values.batches(matches):
        for table in (MatchRow, CopyRow):
            found.update(
                session.exec(select(table.id, table.rule).where(col(table.id).in_(some))).all()
            )
    return found


def _counted(
    session: Session, endpoint: str, rule: str, now: datetime, when: Escalation
) -> Sequence[tuple[DeliveryRow, str]]:
    """Return the deliveries that count towards *when*, oldest first, each with its source."""
    return session.exec(
        select(DeliveryRow, EntryRow.source)
        .join(MatchRow, col(MatchRow.id) == DeliveryRow.match, isouter=True)
        .join(CopyRow, col(CopyRow.id) == DeliveryRow.match, isouter=True)
        .join(EntryRow, col(EntryRow.id) == func.coalesce(MatchRow.entry, CopyRow.entry))
        .where(
            DeliveryRow.endpoint == endpoint,
            DeliveryRow.why == SPARED,
            DeliveryRow.created_at > now - when.within,
            func.coalesce(MatchRow.rule, CopyRow.rule) == rule,
        )
        .order_by(col(DeliveryRow.created_at), DeliveryRow.id)
    ).all()


def _tell(
    session: Session,
    row: DeliveryRow,
    counted: Sequence[tuple[DeliveryRow, str]],
    when: Escalation,
) -> None:
    """Make *row* due, telling of all that counted with it; the others are told by it."""
    others = [other for other, _ in counted if other.id != row.id]
    event = json.loads(row.body)
    event["data"]["escalation"] = {
        "sources": sorted({source for _, source in counted}),
        "within": int(when.within.total_seconds()),
        "matches": [_named(json.loads(other.body)) for other in others[-_MOST_NAMED:]],
    }
    row.body = values.frozen(event)
    disabled = session.get_one(EndpointRow, row.endpoint).disabled
    row.state = "held" if disabled else "due"
    for other in others:
        if other.state == "spared":
            other.state, other.bundle = "bundled", row.id
    session.flush()


def _named(event: dict[str, Any]) -> dict[str, Any]:
    data = event["data"]
    entry = data["entry"]
    return {
        "entry": {key: entry[key] for key in ("id", "url", "title", "source", "published")},
        "links": data["links"],
    }
