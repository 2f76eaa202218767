"""Joins copies of an article to the match that told of it first, within the commit.

There nobody else can write, so that two sources that are polled at once cannot
both tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from rules import Entry, Match
from rules.story import same_story
from store import archive, values
from store.archive import SHOWN, Recorder
from store.nouns import Judged, Outlet, Owed, StoryTerms
from store.rows import BandRow, CopyRow, DeliveryRow, EntryRow, MatchRow, RevisionRow

_REMEMBERED = timedelta(days=31)
"""Rules that are new or were edited are asked about so much."""

_MOST_COMPARED = 12
_MOST_OF_A_BAND = 64
"""What a sentence has in common with more than so many, the latest, is told by them or is a formula."""


@dataclass(slots=True, kw_only=True)
class Joined:
    """What became of the matches of a commit.

    *numbers* are those of each match, by its id, *new* are the entries of those that were
    not stored and are no copy, and *copies* lead from the id of a copy's match to that of
    its story's.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Member:
    """A stored entry that may be of the story."""

    entry: Entry
    seen_at: datetime


def record(
    session: Session, recorder: Recorder, judged: Sequence[Judged], terms: StoryTerms
) -> Joined:
    """Store the matches of entries that are stored already, copies as such."""
    said = Joined()
    matched = [one for one in judged if one.matches]
    copied = _copied(session, [one for one in judged if one.known])
    near = _near(session, recorder, matched, terms)
    if not near and not copied:  # as nearly always
        said.numbers, said.new = recorder.matches([(one.id, one.matches) for one in matched])
        return said
    standing = _standing(session, matched)
    for one in judged:
        alone = []
        were = {copy.rule: copy for copy in copied.get(one.id, ())}
        for match in one.matches:
            identity = recorder.match_id(match.rule, one.id)
            if copy := were.pop(match.rule, None):
                copy.terms = _terms(match)
                said.copies[identity] = copy.match
                said.numbers[identity] = session.get_one(MatchRow, copy.match).seq
            elif identity not in standing and (
                lead := _lead(session, match, near.get(one.id, ()), terms)
            ):
                said.copies[identity] = lead
                said.numbers[identity] = recorder.join(lead, one.id, match, _terms(match))
            else:
                alone.append(match)
        for copy in were.values():
            recorder.part(copy)
        if alone:
            numbers, new = recorder.matches([(one.id, alone)])
            said.numbers |= numbers
            said.new |= new
    return said


def untold(session: Session, owed: Sequence[Owed], copies: Mapping[str, str]) -> list[Owed]:
    """Return what of *owed* is to be told: of a copy, only to whom nothing of its story was.

    What waits for more sources counts each copy as one of them.
    """
    leads = {copies[one.match] for one in owed if one.match in copies}
    told = {lead: _told(session, lead) for lead in leads}
    found = []
    for one in owed:
        lead = copies.get(one.match, one.match)
        if lead in leads and one.when is None:
            if one.match in copies and one.endpoint in told[lead]:
                continue
            told[lead].add(one.endpoint)
        found.append(one)
    return found


def elsewhere(
    session: Session, matches: Collection[str], copies: Mapping[str, str]
) -> dict[str, list[Outlet]]:
    """Return where else the story of each of *matches*, by id, stands now, the first first.

    *copies* lead from those that are copies to their stories'.
    """
    leads = {match: copies.get(match, match) for match in matches}
    joined = archive.copies_of(session, sorted(set(leads.values())))
    copied = [match for match, lead in leads.items() if match != lead]
    firsts = archive.first_of(session, sorted({leads[match] for match in copied}))
    own = {row.id: row.entry for row in _copies(session, copied)}
    found = {}
    for match, lead in leads.items():
        members = [*([firsts[lead]] if match in own else []), *joined.get(lead, ())]
        found[match] = [one for one in members if one.entry_id != own.get(match)]
    return found


def stories_of(session: Session, matches: Collection[str]) -> dict[str, str]:
    """Return the matches that tell the stories of those of *matches* that are copies, by id."""
    return {row.id: row.match for row in _copies(session, matches)}


def _copies(session: Session, matches: Collection[str]) -> Iterator[CopyRow]:
    for some in values.batches(sorted(matches)):
        yield from session.exec(select(CopyRow).where(col(CopyRow.id).in_(some)))


def _told(session: Session, lead: str) -> set[str]:
    members = select(CopyRow.id).where(CopyRow.match == lead)
    return set(
        session.exec(
            select(DeliveryRow.endpoint).where(
                sa.or_(col(DeliveryRow.match) == lead, col(DeliveryRow.match).in_(members)),
                col(DeliveryRow.state) != "spared",
            )
        )
    )


def _standing(session: Session, judged: Sequence[Judged]) -> set[str]:
    """Return the ids of the matches that the entries have already."""
    found: set[str] = set()
    for some in values.batches([one.id for one in judged if one.known]):
        found.update(session.exec(select(MatchRow.id).where(col(MatchRow.entry).in_(some))))
    return found


def _copied(session: Session, judged: Sequence[Judged]) -> dict[str, list[CopyRow]]:
    """Return the matches of the entries that are copies, by entry."""
    found: dict[str, list[CopyRow]] = {}
    for some in values.batches([one.id for one in judged]):
        for row in session.exec(select(CopyRow).where(col(CopyRow.entry).in_(some))):
            found.setdefault(row.entry, []).append(row)
    return found


def _near(
    session: Session, recorder: Recorder, judged: Sequence[Judged], terms: StoryTerms
) -> dict[str, list[str]]:
    """Note how the entries can be found; return those of the same story, by the id of each."""
    if not judged:
        return {}
    seen = {one.id: recorder.at(one.id) for one in judged}
    seen |= _seen(session, [one for one in judged if one.known])
    _note(session, judged, seen)
    candidates = _candidates(session, judged)
    others = _members(session, {other for found in candidates.values() for other in found})
    found = {}
    for one in judged:
        same = [
            other
            for other, linked in candidates.get(one.id, {}).items()
            if (member := others.get(other))
            and (
                linked
                or (
                    abs(member.seen_at - seen[one.id]) <= terms.window
                    and _is_elsewhere(one.entry, member.entry)
                    and same_story(one.entry, member.entry)
                )
            )
        ]
        if same:
            found[one.id] = same
    return found


def _seen(session: Session, judged: Sequence[Judged]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for some in values.batches([one.id for one in judged]):
        rows = session.exec(select(EntryRow.id, EntryRow.seen_at).where(col(EntryRow.id).in_(some)))
        found.update(rows.all())
    return found


def _note(session: Session, judged: Sequence[Judged], seen: Mapping[str, datetime]) -> None:
    known = [one.id for one in judged if one.known]
    for some in values.batches(known):
        session.exec(delete(BandRow).where(col(BandRow.entry).in_(some)))
    rows = [
        {"band": band, "entry": one.id, "at": seen[one.id]} for one in judged for band in one.bands
    ]
    if rows:
        oldest = max(seen.values()) - _REMEMBERED
        session.exec(delete(BandRow).where(col(BandRow.at) < oldest))
        session.connection().execute(sa.insert(BandRow), rows)


def _candidates(session: Session, judged: Sequence[Judged]) -> dict[str, dict[str, bool]]:
    """Return what may be a copy of each entry, and whether its link says so for certain."""
    by_band: dict[int, list[str]] = {}
    for one in judged:
        for band in one.bands:
            by_band.setdefault(band, []).append(one.id)
    shared: dict[str, Counter[str]] = {}
    for some in values.batches(list(by_band)):
        rows = session.exec(
            select(BandRow.band, BandRow.entry)
            .where(col(BandRow.band).in_(some))
            .order_by(col(BandRow.at).desc(), BandRow.entry)
        )
        looked_at: Counter[int] = Counter()
        for band, other in rows:
            looked_at[band] += 1
            if looked_at[band] > _MOST_OF_A_BAND:
                continue
            for identity in by_band[band]:
                if identity != other:
                    shared.setdefault(identity, Counter())[other] += 1
    found: dict[str, dict[str, bool]] = {}
    for identity, counts in shared.items():
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        found[identity] = dict.fromkeys((other for other, _ in ranked[:_MOST_COMPARED]), False)
    for identity, other in _linked(session, judged):
        found.setdefault(identity, {})[other] = True
    return found


def _linked(session: Session, judged: Sequence[Judged]) -> list[tuple[str, str]]:
    """Return the pairs of which each alone in its source has the link of the other."""
    counts = Counter(one.link for one in judged if one.link)
    by_link = {values.storable(one.link): one for one in judged if counts[one.link] == 1}
    by_link.pop("", None)
    found = []
    for some in values.batches(list(by_link)):
        rows = session.exec(
            select(EntryRow.id, EntryRow.link, EntryRow.source).where(col(EntryRow.link).in_(some))
        ).all()
        many = Counter((link, source) for _, link, source in rows)
        shared = {link for (link, _), count in many.items() if count > 1}
        found += [
            (by_link[link].id, entry)
            for entry, link, source in rows
            if link not in shared and source != by_link[link].entry.source
        ]
    return found


def _members(session: Session, ids: Collection[str]) -> dict[str, _Member]:
    found = {}
    for some in values.batches(sorted(ids)):
        rows = session.exec(
            select(EntryRow, RevisionRow).join(RevisionRow, SHOWN).where(col(EntryRow.id).in_(some))
        )
        for row, texts in rows:
            found[row.id] = _Member(values.entry(row, texts), row.seen_at)
    return found


def _is_elsewhere(one: Entry, other: Entry) -> bool:
    """Tell whether two entries come from two outlets: sources, or those that one source passes on.

    There names tell them apart, or hosts.
    """
    if one.source != other.source:
        return True
    if one.outlet and other.outlet:
        return one.outlet.casefold() != other.outlet.casefold()
    a, b = values.host(one.url), values.host(other.url)
    return bool(a and b) and a != b


def _lead(session: Session, match: Match, entries: Sequence[str], terms: StoryTerms) -> str | None:
    """Return the match that a copy's joins; None where it is one of its own."""
    asked = terms.copies.get(match.rule, "silent")
    if not entries or asked == "each":
        return None
    direct = session.exec(
        select(MatchRow).where(MatchRow.rule == match.rule, col(MatchRow.entry).in_(entries))
    ).all()
    joined = session.exec(
        select(CopyRow).where(CopyRow.rule == match.rule, col(CopyRow.entry).in_(entries))
    ).all()
    led = [row.match for row in joined]
    leads = {row.id: row for row in direct}
    leads |= {
        row.id: row for row in session.exec(select(MatchRow).where(col(MatchRow.id).in_(led)))
    }
    standing = [row for row in leads.values() if not row.lost]
    if not standing:
        return None
    if asked == "new-terms":
        members = session.exec(
            select(CopyRow).where(col(CopyRow.match).in_([row.id for row in standing]))
        )
        known = {place["term"] for row in standing for place in row.because}
        known.update(term for row in members for term in row.terms)
        if not set(_terms(match)) <= known:
            return None
    return min(standing, key=lambda row: (row.matched_at, row.id)).id


def _terms(match: Match) -> list[str]:
    return [values.storable(term) for term in dict.fromkeys(place.term for place in match.because)]
