"""Writes what polls found, matched and owe, within the transaction that settles them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from store import archive, escalation, events, outbox, stories
from store.nouns import (
    Committed,
    Judged,
    Outlet,
    Owed,
    Poll,
    StoryTerms,
    told_outlets,
)


def write(session: Session, polls: Sequence[Poll]) -> list[Committed]:
    """Store all that *polls* of different sources bring, beside what they leave these as.

    Return what came of each.
    """
    judged: Sequence[Judged] = [one for poll in polls for one in poll.judged]
    now = max(poll.at for poll in polls)
    seen = {one.id: poll.at for poll in polls for one in poll.judged}
    recorder = archive.Recorder(session, now, seen)
    new = recorder.entries(judged)
    recorder.linked([one for poll in polls for one in poll.linked])
    judged, terms = recorder.followed(judged, _terms(polls))
    said = stories.record(session, recorder, judged, terms)
    numbers = said.numbers
    for one in judged:
        for rule in one.lost:
            numbers |= recorder.lose(one.id, rule)
    rung = _owe(session, [one for poll in polls for one in poll.owed], said, now)
    for poll in polls:
        for event in poll.events:
            events.note(session, event)
    matched = Counter(said.new.values())
    return [_committed(poll, new, matched, rung) for poll in polls]


def _terms(polls: Sequence[Poll]) -> StoryTerms:
    copies = {rule: asked for poll in polls for rule, asked in poll.stories.copies.items()}
    return StoryTerms(window=max(poll.stories.window for poll in polls), copies=copies)


def _owe(
    session: Session, owed: Sequence[Owed], said: stories.Joined, now: datetime
) -> frozenset[str]:
    """Store what is to be told of *owed*; return the endpoints that have something to send."""
    wanted = stories.untold(session, owed, said.copies)
    if not wanted:
        return frozenset()
    matches = {one.match for one in wanted if one.match}
    elsewhere = stories.elsewhere(session, matches, said.copies)
    told = _told(said.numbers, elsewhere)
    stored = outbox.owe(session, wanted, told, now)
    raised = escalation.raised(session, [one for one in wanted if one.when], now)
    return frozenset(one.endpoint for one in stored if one.state == "due").union(raised)


def _committed(
    poll: Poll, new: frozenset[str], matched: Mapping[str, int], rung: frozenset[str]
) -> Committed:
    added = sum(one.id in new for one in poll.judged)
    return Committed(
        new=added,
        revised=len(poll.judged) - added,
        matched=sum(matched.get(one.id, 0) for one in poll.judged),
        endpoints=tuple(dict.fromkeys(one.endpoint for one in poll.owed if one.endpoint in rung)),
    )


def _told(
    numbers: Mapping[str, int], outlets: Mapping[str, Sequence[Outlet]]
) -> dict[str, dict[str, Any]]:
    """Return what payloads say of matches beside what was decided: number, and other outlets."""
    told: dict[str, dict[str, Any]] = {match: {"seq": seq} for match, seq in numbers.items()}
    for match, some in outlets.items():
        if some:
            told.setdefault(match, {})["outlets"] = told_outlets(some)
    return told


def add(session: Session, judged: Sequence[Judged], terms: StoryTerms, now: datetime) -> int:
    """Store matches on entries that are stored, owing nothing; return how many are new."""
    recorder = archive.Recorder(session, now)
    return len(stories.record(session, recorder, *recorder.followed(judged, terms)).new)
