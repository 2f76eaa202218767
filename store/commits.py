"""Writes what a poll found, matched and owes, within the transaction that settles it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from store import archive, escalation, events, outbox, stories
from store.nouns import Committed, Judged, Outlet, Poll, StoryTerms, told_outlets


def write(session: Session, poll: Poll) -> Committed:
    """Store all that *poll* brings, beside what it leaves its source as; return what that came to."""
    recorder = archive.Recorder(session, poll.at)
    new = recorder.entries(poll.judged)
    recorder.linked(poll.linked)
    judged, terms = recorder.followed(poll.judged, poll.stories)
    said = stories.record(session, recorder, judged, terms, poll.at)
    numbers = said.numbers
    for one in judged:
        for rule in one.lost:
            numbers |= recorder.lose(one.id, rule)
    wanted = stories.untold(session, poll.owed, said.copies)
    told = _told(numbers, stories.elsewhere(session, wanted, said.copies)) if wanted else {}
    owed = outbox.owe(session, wanted, told, poll.at)
    rung = [delivery.endpoint for delivery in owed if delivery.state == "due"]
    rung += escalation.raised(session, [one for one in wanted if one.when], poll.at)
    for event in poll.events:
        events.note(session, event)
    session.flush()  # the next poll of the same transaction asks for free instants
    return Committed(
        new=new,
        revised=len(poll.judged) - new,
        matched=said.new,
        endpoints=tuple(dict.fromkeys(rung)),
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
    return stories.record(session, recorder, *recorder.followed(judged, terms), now).new
