"""What feeds show: the matches that changed last, and spans of those that were found once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import String, func
from sqlmodel import Session, col, select, type_coerce

from store import values
from store.archive import PUBLISHED, SHOWN, with_outlets
from store.nouns import Headline, Published, Span
from store.rows import EntryRow, EventRow, MatchRow, RevisionRow, RuleRow

_SHARE = 20


def published(session: Session, rules: Sequence[str], limit: int) -> tuple[Published, ...]:
    """Return the matches of *rules* that changed last, newest first."""
    found = _newest(session, rules, col(MatchRow.updated_at), limit)
    return _whole(session, [identity for identity, _ in found])


def latest(session: Session, rules: Sequence[str], limit: int) -> Span:
    """Return the matches of *rules* that changed last, and what they leave out."""
    matches = published(session, rules, limit)
    if len(matches) < limit:
        return Span(matches=matches)
    shown = {match.id for match in matches}
    reached: datetime | None = None
    for identity, at in _newest(session, rules, col(MatchRow.matched_at), limit + 1):
        if identity not in shown:
            return Span(matches=matches, reached=reached, earlier=at)
        reached = at
    return Span(matches=matches, reached=reached)


def span(
    session: Session, rules: Sequence[str], since: datetime, until: datetime, limit: int
) -> Span:
    """Return the last *limit* matches of *rules* that were found from *since* on and before *until*."""
    found_at = col(MatchRow.matched_at)
    within = (found_at >= since, found_at < until)
    found = _newest(session, rules, found_at, limit + 1, *within)
    matches = _whole(session, [identity for identity, _ in found[:limit]])
    if len(found) > limit:
        return Span(matches=matches, reached=found[limit - 1][1], earlier=found[limit][1])
    before = _newest(session, rules, found_at, 1, found_at < since)
    return Span(matches=matches, reached=since, earlier=before[0][1] if before else None)


def headlines(
    session: Session, rules: Sequence[str], since: datetime, until: datetime, limit: int
) -> tuple[Headline, ...]:
    """Return the last *limit* matches of *rules* found within that time, in a line each."""
    found_at = col(MatchRow.matched_at)
    found = _newest(session, rules, found_at, limit, found_at >= since, found_at < until)
    instants = dict(found)
    lines: dict[str, Headline] = {}
    for some in values.batches([identity for identity, _ in found]):
        rows = session.exec(
            select(MatchRow.id, MatchRow.rule, RevisionRow.title, EntryRow)
            .join(EntryRow, col(EntryRow.id) == MatchRow.entry)
            .join(RevisionRow, SHOWN)
            .where(col(MatchRow.id).in_(some))
        )
        for identity, rule, title, entry in rows:
            lines[identity] = Headline(
                id=identity,
                rule=rule,
                title=title,
                source=entry.source,
                lang=entry.lang,
                matched_at=instants[identity],
            )
    return tuple(lines[identity] for identity, _ in found)


def first_match(session: Session, rules: Sequence[str]) -> datetime | None:
    """Return when the first match of *rules* was found."""
    found: list[datetime | None] = []
    for some in values.batches(rules):
        of_these = select(func.min(MatchRow.matched_at)).where(col(MatchRow.rule).in_(some))
        found.append(session.exec(of_these).one())
    return min((at for at in found if at is not None), default=None)


def feed_version(session: Session, rules: Sequence[str]) -> int:
    """Return a number that grows with every change of what a feed of *rules* shows."""
    changes = select(func.coalesce(func.sum(RuleRow.changes), 0))
    return sum(
        session.exec(changes.where(col(RuleRow.id).in_(some))).one()
        for some in values.batches(rules)
    )


def site_version(session: Session) -> tuple[int, datetime | None]:
    """Return a value that changes with what any feed shows, the desk's own among them."""
    changes = session.exec(select(func.coalesce(func.sum(RuleRow.changes), 0))).one()
    return changes, session.exec(select(func.max(col(EventRow.at)))).one()


def _newest(
    session: Session, rules: Sequence[str], instant: Any, limit: int, *within: Any
) -> list[tuple[str, datetime]]:
    """Return id and *instant* of the matches of *rules* where that is latest, newest first."""
    rule: Any = col(MatchRow.rule)
    if _are_many(session, rules):
        # Not known as the column, so that matches are read by instant until there are enough,
        # instead of all by rule, to be sorted afterwards.
        rule = type_coerce(rule.concat(""), String)
    rows = session.exec(
        select(MatchRow.id, instant)
        .where(rule.in_(rules), *within)
        .order_by(instant.desc())
        .limit(limit)
    )
    return [(identity, at) for identity, at in rows]


def _are_many(session: Session, rules: Sequence[str]) -> bool:
    """Tell whether a good share of all matches is of *rules*."""
    counts = dict(
        session.exec(select(RuleRow.id, RuleRow.matches).where(RuleRow.matches > 0)).all()
    )
    return sum(counts.get(rule, 0) for rule in rules) * _SHARE >= sum(counts.values())


def _whole(session: Session, ids: Sequence[str]) -> tuple[Published, ...]:
    """Return the matches with these *ids*, in that order."""
    found = {
        match.id: values.published(match, entry, texts)
        for some in values.batches(ids)
        for match, entry, texts in session.exec(PUBLISHED.where(col(MatchRow.id).in_(some)))
    }
    return tuple(with_outlets(session, [found[identity] for identity in ids]))
