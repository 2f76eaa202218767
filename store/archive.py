"""Entries, their revisions, and the matches of rules on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import bindparam, func
from sqlmodel import Session, SQLModel, and_, col, select

from rules import Match
from store import renaming, values
from store.nouns import (
    Judged,
    Known,
    Linked,
    Outlet,
    Published,
    Revision,
    Stored,
    StoryTerms,
    match_id,
)
from store.rows import CopyRow, EntryRow, MatchRow, RevisionRow, RuleRow, SourceRow

_MICROSECOND = timedelta(microseconds=1)
_NEAR = timedelta(seconds=10)

SHOWN = and_(RevisionRow.entry == EntryRow.id, RevisionRow.number == EntryRow.revision)
PUBLISHED = (
    select(MatchRow, EntryRow, RevisionRow)
    .join(EntryRow, col(EntryRow.id) == MatchRow.entry)
    .join(RevisionRow, SHOWN)
)
"""A match with its entry and the present texts of that."""


def sync_rules(
    session: Session,
    rules: Mapping[str, tuple[str, str]],
    formerly: Mapping[str, Sequence[str]],
) -> tuple[str, ...]:
    """Make the stored rules those of the desk; return the ids of those to be asked anew.

    What is kept under the names that they had *formerly* is theirs.
    """
    rows = {row.id: row for row in session.exec(select(RuleRow))}
    renaming.take_over(session, rows, formerly, rules.keys())
    unasked = []
    for identity, (version, title) in rules.items():
        row = rows.get(identity)
        if row is None:
            row = RuleRow(id=identity, version=version, title=title)
            session.add(row)
        if row.became:
            renaming.in_use_again(rows, row)
        if row.retired:
            row.judged = ""
        row.sqlmodel_update({"version": version, "title": title, "retired": False})
        if row.judged != version:
            unasked.append(identity)
    for identity in rows.keys() - rules.keys():
        rows[identity].retired = True
    return tuple(unasked)


def mark_judged(session: Session, versions: Mapping[str, str]) -> None:
    """Record that these versions of rules were asked about the stored entries."""
    for identity, version in versions.items():
        if row := session.get(RuleRow, identity):
            row.judged = version


def retired_rules(session: Session) -> frozenset[str]:
    """Return the ids of the rules that the desk had once."""
    return frozenset(session.exec(select(RuleRow.id).where(col(RuleRow.retired))))


def hide(session: Session, private: Collection[str]) -> frozenset[str]:
    """Note which of the desk's rules are *private*; return those, and those retired that were."""
    for row in session.exec(select(RuleRow).where(col(RuleRow.retired).is_(False))):
        row.private = row.id in private
    session.flush()
    return frozenset(session.exec(select(RuleRow.id).where(col(RuleRow.private))))


_KNOWN = sa.select(
    col(EntryRow.id),
    col(EntryRow.key),
    col(EntryRow.sha256),
    col(EntryRow.seen_at),
    col(EntryRow.shown),
    col(EntryRow.missing),
).where(
    col(EntryRow.source) == bindparam("source"),
    col(EntryRow.key).in_(bindparam("keys", expanding=True)),
)


def known(session: Session, source: str, keys: Sequence[str]) -> dict[str, Known]:
    """Return what is stored of the entries of *source* with these keys."""
    found: dict[str, Known] = {}
    by_stored = {values.storable(key): key for key in keys}
    for some in values.batches(list(by_stored)):
        rows = session.connection().execute(_KNOWN, {"source": source, "keys": some}).all()
        matched = _matched(session, [row[0] for row in rows]) if rows else {}
        for identity, stored, sha256, seen_at, shown, missing in rows:
            key = by_stored[stored]
            found[key] = Known(
                id=identity,
                key=key,
                sha256=sha256,
                seen_at=seen_at,
                matched=matched.get(identity, {}),
                linked=values.linked(shown, missing=missing),
            )
    return found


def present(session: Session, ids: Sequence[str]) -> dict[str, Revision]:
    """Return the latest revisions of the entries with *ids*, by id."""
    found = {}
    for some in values.batches(ids):
        rows = session.exec(
            select(RevisionRow).join(EntryRow, SHOWN).where(col(EntryRow.id).in_(some))
        )
        found.update({row.entry: values.revision(row) for row in rows})
    return found


def revisions(session: Session, entry: str, limit: int) -> tuple[Revision, ...]:
    """Return the latest revisions of an entry, newest first."""
    rows = session.exec(
        select(RevisionRow)
        .where(RevisionRow.entry == entry)
        .order_by(col(RevisionRow.number).desc())
        .limit(limit)
    )
    return tuple(map(values.revision, rows))


def alike(
    session: Session, source: str, links: Sequence[str], digests: Sequence[str]
) -> tuple[Known, ...]:
    """Return what is stored of the entries of *source* with one of these links or digests."""
    found: dict[str, tuple[EntryRow, str]] = {}
    for column, wanted in ((col(EntryRow.link), links), (col(EntryRow.sha256), digests)):
        for some in values.batches(list(map(values.storable, wanted))):
            rows = session.exec(
                select(EntryRow, RevisionRow.title)
                .join(RevisionRow, SHOWN)
                .where(EntryRow.source == source, column.in_(some))
            )
            found.update((row.id, (row, title)) for row, title in rows)
    matched: dict[str, dict[str, str]] = {}
    for some in values.batches(list(found)):
        matched.update(_matched(session, some))
    return tuple(
        Known(
            id=row.id,
            key=row.key,
            sha256=row.sha256,
            seen_at=row.seen_at,
            matched=matched.get(row.id, {}),
            link=row.link,
            title=title,
            published=row.published,
            linked=values.linked(row.shown, missing=row.missing),
        )
        for row, title in found.values()
    )


def _matched(session: Session, entries: Sequence[str]) -> dict[str, dict[str, str]]:
    matched: dict[str, dict[str, str]] = {}
    for entry, rule, version in session.exec(
        select(MatchRow.entry, MatchRow.rule, MatchRow.version).where(
            col(MatchRow.entry).in_(entries), col(MatchRow.lost).is_(False)
        )
    ):
        matched.setdefault(entry, {})[rule] = version
    return matched


class Recorder:
    """Stores entries and matches within one transaction, many at a time.

    *seen* is when each entry was looked at, by its id; where that is the same, it is *now*.
    """

    def __init__(
        self, session: Session, now: datetime, seen: Mapping[str, datetime] | None = None
    ) -> None:
        self._session = session
        self._now = now
        self._seen = seen or {}
        self._next: datetime | None = None
        self._rules: dict[str, RuleRow] = {}

    def followed(
        self, judged: Sequence[Judged], terms: StoryTerms
    ) -> tuple[Sequence[Judged], StoryTerms]:
        """Return *judged* by rules as they are called now: one may have been renamed meanwhile."""
        said = {match.rule for one in judged for match in one.matches}
        said.update(rule for one in judged for rule in one.lost)
        self._load(said)
        renamed = {rule: self._present(rule) for rule in said if self._is_renamed(rule)}
        return renaming.followed(renamed, judged, terms) if renamed else (judged, terms)

    def _is_renamed(self, rule: str) -> bool:
        return rule in self._rules and bool(self._rules[rule].became)

    def _present(self, rule: str) -> str:
        while self._is_renamed(rule):
            rule = self._rules[rule].became
            self._load({rule})
        return rule

    def match_id(self, rule: str, entry: str) -> str:
        """Return the id of the match of *rule*, as it is called now, on an entry."""
        row = self._rules.get(rule)
        return match_id((row and row.origin) or rule, entry)

    def entries(self, judged: Sequence[Judged]) -> frozenset[str]:
        """Store entries that are new or were edited; return the ids of those that are new."""
        stored = _by_id(self._session, EntryRow, [one.id for one in judged])
        added, revisions = [], []
        for one in judged:
            columns = values.entry_columns(one.entry, one.link) | values.linked_columns(one.linked)
            row, at = stored.get(one.id), self.at(one.id)
            if row is None:
                added.append({"id": one.id, "seen_at": at, "revision": 1, **columns})
            else:
                row.sqlmodel_update({**columns, "revision": row.revision + 1})
            number = row.revision if row else 1
            revisions.append(values.revision_columns(one, number, at))
        self._session.flush()
        self._insert(EntryRow, added)  # what refers to an entry comes after it
        self._insert(RevisionRow, revisions)
        return frozenset(row["id"] for row in added)

    def at(self, entry: str) -> datetime:
        """Return when the entry with that id was looked at."""
        return self._seen.get(entry, self._now)

    def linked(self, found: Sequence[tuple[str, Linked]]) -> None:
        """Store what came of reading the articles of entries whose text stayed as it was."""
        for identity, linked in found:
            if row := self._session.get(EntryRow, identity):
                row.sqlmodel_update(values.linked_columns(linked))

    def matches(
        self, found: Sequence[tuple[str, Sequence[Match]]]
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Store that rules say yes to entries, given by id.

        Return the number of each match by its id, and the entries of those that are new, by
        theirs.
        """
        self._load({match.rule for _, said in found for match in said})
        pairs = [
            (self.match_id(match.rule, entry), entry, match)
            for entry, said in found
            for match in said
        ]
        stored = _by_id(self._session, MatchRow, [identity for identity, _, _ in pairs])
        numbers: dict[str, int] = {}
        added = []
        for identity, entry, match in pairs:
            rule = self._changed(match.rule)
            instant = self._instant()
            says: dict[str, Any] = {
                "version": match.version,
                "because": values.because_columns(match.because),
                "updated_at": instant,
                "lost": False,
            }
            if row := stored.get(identity):
                row.sqlmodel_update(says)
                numbers[identity] = row.seq
                continue
            rule.matches += 1
            rule.matched_at = self._now
            new = {"id": identity, "rule": match.rule, "entry": entry, "seq": rule.matches}
            added.append({**new, "matched_at": instant, **says})
            numbers[identity] = rule.matches
        self._session.flush()
        self._insert(MatchRow, added)
        return numbers, {row["id"]: row["entry"] for row in added}

    def lose(self, entry: str, rule: str) -> dict[str, int]:
        """Store that the entry's present text does not match any more; return the match's number."""
        self._load({rule})
        row = self._session.get(MatchRow, self.match_id(rule, entry))
        if row is None:
            return {}
        if not row.lost:
            self._changed(rule)
            row.lost = True
            row.updated_at = self._instant()
        return {row.id: row.seq}

    def join(self, match: str, entry: str, copied: Match, terms: list[str]) -> int:
        """Store that the rule says yes to a copy, which *match* tells of; return that one's number."""
        row = self._touched(match)
        self._session.add(
            CopyRow(
                id=self.match_id(copied.rule, entry),
                match=match,
                rule=copied.rule,
                entry=entry,
                terms=terms,
                at=self.at(entry),
            )
        )
        self._session.flush()
        return row.seq

    def part(self, copy: CopyRow) -> None:
        """Store that a copy was edited so that the rule says no to it."""
        self._touched(copy.match)
        self._session.delete(copy)
        self._session.flush()

    def _touched(self, match: str) -> MatchRow:
        """Return a match whose story has changed."""
        row = self._session.get_one(MatchRow, match)
        self._load({row.rule})
        self._changed(row.rule)
        row.updated_at = self._instant()
        return row

    def _insert(self, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
        """Insert whole rows past the mapper of objects, which takes five times as long."""
        if rows:
            self._session.connection().execute(
                SQLModel.metadata.tables[str(table.__tablename__)].insert(), rows
            )

    def _load(self, rules: Collection[str]) -> None:
        for some in values.batches([rule for rule in rules if rule not in self._rules]):
            rows = self._session.exec(select(RuleRow).where(col(RuleRow.id).in_(some)))
            self._rules.update((row.id, row) for row in rows)

    def _changed(self, rule: str) -> RuleRow:
        row = self._rules.get(rule)
        if row is None:
            # A rule that was edited away between the judging and the commit.
            row = RuleRow(id=rule, title=rule, version="", retired=True)
            self._rules[rule] = row
            self._session.add(row)
            self._session.flush()
        row.changes += 1
        return row

    def _instant(self) -> datetime:
        instant = self._next or _free_instant(self._session, self._now)
        self._next = instant + _MICROSECOND
        return instant


Row = TypeVar("Row", EntryRow, MatchRow)
_STORED = {
    table: select(table.id).where(col(table.id).in_(bindparam("ids", expanding=True)))
    for table in (EntryRow, MatchRow)
}


def _by_id(session: Session, table: type[Row], ids: list[str]) -> dict[str, Row]:
    """Return the stored rows among those with *ids*; what is new has none, and is not looked for."""
    found: dict[str, Row] = {}
    for some in values.batches(ids):
        there = session.connection().execute(_STORED[table], {"ids": some}).scalars().all()
        if there:
            rows = session.exec(select(table).where(col(table.id).in_(there)))
            found.update((row.id, row) for row in rows)
    return found


def _free_instant(session: Session, now: datetime) -> datetime:
    """Return *now*, or the first instant after those near it that a match already has.

    Only what is near counts: after a clock that ran ahead was set right, the
    matches of that time must not push today's into the future.
    """
    latest: datetime | None = session.exec(
        select(func.max(col(MatchRow.updated_at))).where(
            MatchRow.updated_at >= now, MatchRow.updated_at < now + _NEAR
        )
    ).one()
    return now if latest is None else latest + _MICROSECOND


def publication(session: Session, match: str) -> Published | None:
    """Return the match with the id *match*; that of a copy is its story's."""
    row = session.exec(PUBLISHED.where(MatchRow.id == match)).first()
    if row is None and (copy := session.get(CopyRow, match)):
        return publication(session, copy.match)
    return with_outlets(session, [values.published(*row)])[0] if row else None


def matches_of(session: Session, entry: str) -> tuple[Published, ...]:
    """Return the matches on the entry with the id *entry*, by rule."""
    rows = session.exec(PUBLISHED.where(MatchRow.entry == entry).order_by(MatchRow.rule))
    return tuple(with_outlets(session, [values.published(*row) for row in rows]))


def with_outlets(session: Session, matches: Sequence[Published]) -> list[Published]:
    """Return *matches* with the copies of each, in the order in which they came."""
    outlets = copies_of(session, [match.id for match in matches])
    return [replace(match, outlets=tuple(outlets.get(match.id, ()))) for match in matches]


def copies_of(session: Session, matches: Sequence[str]) -> dict[str, list[Outlet]]:
    """Return the copies that joined *matches*, by the id of each, in the order in which they came."""
    found: dict[str, list[Outlet]] = {}
    rows = _with_entries(session, CopyRow, CopyRow.match, matches)
    for copy, entry, title, address in sorted(rows, key=lambda row: (row[0].at, row[0].id)):
        outlet = values.outlet(entry, title, address, copy.at)
        found.setdefault(copy.match, []).append(outlet)
    return found


def first_of(session: Session, matches: Sequence[str]) -> dict[str, Outlet]:
    """Return the entries that *matches* are on, by the id of each."""
    rows = _with_entries(session, MatchRow, MatchRow.id, matches)
    return {
        match.id: values.outlet(entry, title, address, match.matched_at)
        for match, entry, title, address in rows
    }


Says = TypeVar("Says", CopyRow, MatchRow)


def _with_entries(
    session: Session, table: type[Says], match: str, matches: Sequence[str]
) -> Iterator[tuple[Says, EntryRow, str, str]]:
    """Yield the rows of *table* whose column *match* is one of *matches*, each with its entry.

    Beside that stand its present title and the address of its source.
    """
    for some in values.batches(matches):
        yield from session.exec(
            select(table, EntryRow, RevisionRow.title, SourceRow.address)
            .join(EntryRow, col(EntryRow.id) == table.entry)
            .join(RevisionRow, SHOWN)
            .join(SourceRow, col(SourceRow.name) == EntryRow.source)
            .where(col(match).in_(some))
        )


def match_counts(session: Session) -> dict[str, tuple[int, datetime | None]]:
    """Return how often each rule matched, and when it did last."""
    rows = session.exec(select(RuleRow.id, RuleRow.matches, RuleRow.matched_at))
    return {rule: (count, last) for rule, count, last in rows}


def entries(session: Session, since: datetime, after: str, limit: int) -> tuple[Stored, ...]:
    """Return a page of the entries published since then, by id; the next begins *after* the last id.

    One that says no date came out when it was seen.
    """
    asked = {"since": since, "after": after, "most": limit}
    rows: Sequence[Any] = session.connection().execute(_PAGE, asked).all()
    matched = _matched(session, [row.id for row in rows])
    return tuple(
        Stored(
            id=row.id,
            entry=values.entry(row, row),
            seen_at=row.seen_at,
            matched=matched.get(row.id, {}),
        )
        for row in rows
    )


def _came_out(since: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    return func.coalesce(EntryRow.published, EntryRow.seen_at) >= since


_PAGE = (
    sa.select(
        *map(col, (EntryRow.id, EntryRow.seen_at, EntryRow.key, EntryRow.source, EntryRow.url)),
        *map(col, (RevisionRow.title, RevisionRow.summary, RevisionRow.text)),
        *map(col, (EntryRow.authors, EntryRow.tags, EntryRow.lang)),
        *map(col, (EntryRow.published, EntryRow.updated, EntryRow.outlet)),
    )
    .join(RevisionRow, SHOWN)
    .where(_came_out(bindparam("since")), col(EntryRow.id) > bindparam("after"))
    .order_by(col(EntryRow.id))
    .limit(bindparam("most"))
)
"""What a page of entries is, asked for past the mapper of objects, which takes twice as long."""


def count_matches(session: Session, since: datetime) -> int:
    """Return how many matches were found since then."""
    return session.exec(
        select(func.count()).select_from(MatchRow).where(MatchRow.matched_at >= since)
    ).one()


def count_entries(session: Session, since: datetime) -> int:
    """Return how many entries were published since then, or seen where they say no date."""
    return session.exec(select(func.count()).select_from(EntryRow).where(_came_out(since))).one()
