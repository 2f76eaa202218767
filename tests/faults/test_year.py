"""A year in which each endpoint is down for a day, then slow, then gone."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from feeds.outgoing import OutgoingError
from feeds.sending import STEPS
from tests.builders import NOON
from tests.posting import Office, Posted, a_spec, dead, office

NAMES = ("newsroom", "union", "archive")
DAY = timedelta(days=1)
YEAR = NOON + 365 * DAY
EVERY = timedelta(days=5)
MATCHES = 73


def answered(desk: Office, number: int, posted: Posted) -> int:
    """Answer as an endpoint does that is down on a day in spring, slow in autumn, and gone in winter."""
    day = (posted.at - NOON) / DAY - 7 * number
    if 90 <= day < 91:
        return dead(posted)
    if 200 <= day < 204:
        if int(posted.id[-1], 16) % 2 and len(desk.internet.to(posted.endpoint)) % 2:
            raise OutgoingError("timeout", "news.example did not answer in full within 20 s")
        desk.pass_time(seconds=15)
    if day >= 310:
        return (410, 404, dead)[number] if number < 2 else dead(posted)
    return 204


def instants(desk: Office) -> Iterator[datetime]:
    """Yield when something is to be sent next: each endpoint's first due delivery, unless it rests."""
    first: dict[str, datetime] = {}
    for one in desk.database.deliveries(state="due", limit=1000):
        first[one.endpoint] = min(first.get(one.endpoint, one.due), one.due)
    for endpoint in desk.database.endpoints():
        rests = endpoint.rests_until or NOON
        if endpoint.name in first and not endpoint.disabled:
            yield max(first[endpoint.name], rests)
        elif endpoint.held and not endpoint.disabled:
            yield rests


def test_in_a_year_everything_arrives_by_the_schedule_or_is_held_with_its_reason(
    tmp_path: Path,
) -> None:
    specs = [a_spec(name, events=("endpoint.disabled",)) for name in NAMES]
    with office(tmp_path, *specs) as desk:
        # given a desk whose endpoints have their troubles, each in its own week
        for number, name in enumerate(NAMES):
            desk.internet.receivers[name] = partial(answered, desk, number)
        # when a year goes by
        for match in range(MATCHES):
            desk.now = max(desk.now, NOON + match * EVERY)
            desk.owe(1 if match % 9 else 14, begin=100 * match)
            pass_until(desk, NOON + (match + 1) * EVERY)
        # then
        everything_arrived_or_is_held_with_its_reason(desk)
        all_copies_of_a_delivery_have_the_same_bytes(desk)
        tries_follow_the_schedule_and_never_come_early(desk)
        what_waited_on_the_day_arrived_after_it(desk)
        each_end_is_told_to_the_health_feed_and_to_the_others(desk)


def pass_until(desk: Office, end: datetime) -> None:
    """Send whatever comes due before then, each at its time."""
    desk.drain()
    while (instant := min(instants(desk), default=end)) < end:
        desk.now = max(desk.now + timedelta(milliseconds=1), instant)
        desk.drain()


def everything_arrived_or_is_held_with_its_reason(year: Office) -> None:
    deliveries = year.database.deliveries(limit=100_000)
    assert len(deliveries) > 500
    assert {one.state for one in deliveries} == {"delivered", "held"}
    assert all(one.error for one in deliveries if one.state == "held")
    arrived = {(one.endpoint, one.id) for one in deliveries if one.state == "delivered"}
    assert arrived <= {(one.endpoint, one.id) for one in year.internet.posted}
    gone = {name: NOON + (310 + 7 * number) * DAY for number, name in enumerate(NAMES)}
    assert all(
        one.created_at > gone[one.endpoint] - EVERY for one in deliveries if one.state == "held"
    )


def all_copies_of_a_delivery_have_the_same_bytes(year: Office) -> None:
    bodies = defaultdict(set)
    for one in year.internet.posted:
        bodies[one.id].add(one.body)
    assert {len(variants) for variants in bodies.values()} == {1}


def tries_follow_the_schedule_and_never_come_early(year: Office) -> None:
    tried = 0
    for listed in year.database.deliveries(limit=100_000):
        if listed.attempts < 2:
            continue
        found = year.database.delivery(listed.id)
        assert found is not None
        gaps = [later.at - sooner.at for sooner, later in itertools.pairwise(found.log)]
        assert all(gap >= step for gap, step in zip(gaps, STEPS[1:], strict=False))
        tried += 1
    assert tried > 15


def what_waited_on_the_day_arrived_after_it(year: Office) -> None:
    for number, name in enumerate(NAMES):
        back = NOON + (91 + 7 * number) * DAY
        waiting = [
            one
            for one in year.database.deliveries(endpoint=name, limit=100_000)
            if back - DAY <= one.created_at < back
        ]
        latest = back + timedelta(hours=20) * 1.1
        assert all(one.delivered_at and one.delivered_at <= latest for one in waiting)


def each_end_is_told_to_the_health_feed_and_to_the_others(year: Office) -> None:
    ends = {event.about: event.words for event in year.database.events(100)}
    assert ends == {
        "newsroom": "it answered 410 Gone",
        "union": "nothing arrived for 5 days",
        "archive": "nothing arrived for 5 days",
    }
    told = [one for one in year.internet.posted if b"endpoint.disabled" in one.body]
    assert {one.endpoint for one in told} >= {"union", "archive"}
