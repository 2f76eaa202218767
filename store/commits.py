"""Writes what a poll found, matched and owes, within the transaction that settles it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from store import archive, escalation, events, outbox
from store.nouns import Committed, Owed, Poll, match_id


def write(session: Session, poll: Poll) -> Committed:
    """Store all that *poll* brings, beside what it leaves its source as; return what that came to."""
    told = archive.told_before(session, poll.source, poll.judged, _certain(poll.owed))
    recorder = archive.Recorder(session, poll.at)
    new = recorder.entries(poll.judged)
    recorder.linked(poll.linked)
    numbers, matched = recorder.matches(
        [
            (one.id, [m for m in one.matches if match_id(m.rule, one.id) not in told])
            for one in poll.judged
        ]
    )
    for one in poll.judged:
        for rule in one.lost:
            numbers |= recorder.lose(one.id, rule)
    wanted = [one for one in poll.owed if one.match not in told]
    owed = outbox.owe(session, wanted, numbers, poll.at)
    rung = [delivery.endpoint for delivery in owed if delivery.state == "due"]
    rung += escalation.raised(session, [one for one in wanted if one.when], poll.at)
    for event in poll.events:
        events.note(session, event)
    session.flush()  # the next poll of the same transaction asks for free instants
    return Committed(
        new=new,
        revised=len(poll.judged) - new,
        matched=matched,
        endpoints=tuple(dict.fromkeys(rung)),
    )


def _certain(owed: Sequence[Owed]) -> list[Owed]:
    """Return what is told in any case: who may be spared is no reason to tell of a copy."""
    return [one for one in owed if one.when is None]
