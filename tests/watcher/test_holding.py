"""Endpoints that are not told of everything at once, from the rule to the receiver."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

from rules import Escalation
from store.holding import Digest, Holding, Limit
from tests.builders import NOON, a_rule, an_entry
from tests.posting import Posted, a_spec, office
from tests.watcher.test_decide import a_desk, decided, known

DAILY = Holding(digest=Digest(at=time(7), zone="America/Lima"))  # 12:00 UTC


def told(posted: Sequence[Posted]) -> list[str]:
    """Return the ids of all that reached the receiver, alone or in a digest, in order."""
    found = []
    for one in posted:
        event = json.loads(one.body)
        digest = event["type"] == "digest"
        found += [member["id"] for member in event["data"]["events"]] if digest else [one.id]
    return found


def test_days_of_daily_digests_tells_everything_once_over_an_outage(tmp_path: Path) -> None:
    # given an endpoint with a daily digest, which is down for two days in between
    with office(tmp_path, a_spec("newsroom", rate=1000, holding=DAILY)) as desk:
        owed: list[str] = []
        for hour in range(12 * 24):
            down = 3 * 24 <= hour < 5 * 24
            desk.internet.receivers["newsroom"] = lambda _, down=down: 503 if down else 204
            if hour % 7 == 0 and hour < 10 * 24:
                owed += desk.owe(2, begin=hour)

            # when each hour passes
            desk.drain()
            desk.pass_time(hours=1)

        # then all of it was told once, in order, in one request a day
        taken: dict[str, Posted] = {}
        for one in desk.internet.to("newsroom"):
            taken.setdefault(one.id, one)
        assert sorted(told(list(taken.values()))) == sorted(owed)
        days = {one.at.date() for one in taken.values()}
        assert len(taken) == len(days)
        assert {one.at.hour for one in taken.values()} == {12}
        assert desk.states().count("bundled") == len(owed)
        assert set(desk.states()) == {"bundled", "delivered"}

        # and each request had the same bytes in every try
        for one in desk.internet.to("newsroom"):
            assert one.body == taken[one.id].body


def test_a_silenced_endpoint_hears_nothing_until_the_end_and_others_go_on(tmp_path: Path) -> None:
    with office(tmp_path, a_spec("newsroom"), a_spec("union")) as desk:
        desk.database.silence("newsroom", "", "Holidays", desk.now, NOON + timedelta(hours=3))
        desk.owe(3)
        assert desk.drain() == 3
        desk.pass_time(hours=3)
        assert desk.drain() == 1
        (digest,) = desk.internet.to("newsroom")
        event = json.loads(digest.body)
        assert (event["type"], event["data"]["count"]) == ("digest", 3)
        assert len(desk.internet.to("union")) == 3


def test_a_burst_costs_a_receiver_no_more_than_it_asked_for(tmp_path: Path) -> None:
    limit = Holding(at_most=Limit(count=3, per=timedelta(hours=1)))
    with office(tmp_path, a_spec("newsroom", rate=1000, holding=limit)) as desk:
        ids = desk.owe(50)
        for _ in range(4):
            desk.drain()
            desk.pass_time(minutes=20)
        posted = desk.internet.to("newsroom")
        assert len(posted) == 4
        assert sorted(told(posted)) == sorted(ids)


def test_an_endpoint_of_many_sources_is_owed_new_matches_on_that_condition() -> None:
    when = Escalation(sources=3, within=timedelta(hours=6))
    rule = a_rule(notify=("newsroom", "chief"), escalations={"chief": when})
    both = ("match.created", "match.updated")
    desk = a_desk(rule, newsroom=both, chief=both)

    # a new match is owed to the one at once, and to the other on its condition
    new = decided(an_entry(), desk=desk)
    assert [(one.endpoint, one.when) for one in new.owed] == [("newsroom", None), ("chief", when)]

    # an edit is no further source
    entry = an_entry()
    edit = decided(entry, desk=desk, before=known(replace(entry, source="green-left"), rule.id))
    assert [one.endpoint for one in edit.owed] == ["newsroom"]
