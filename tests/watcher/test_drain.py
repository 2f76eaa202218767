"""What an endpoint is owed reaches it as fast as it may, whatever the others do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from store.standing import BREAKS_AT
from tests.builders import NOON
from tests.posting import Office, Posted, a_spec, dead, office
from watcher.drain import IN_FLIGHT


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def test_all_that_is_due_arrives_oldest_first(desk: Office) -> None:
    ids = []
    for number in range(3):
        ids += desk.owe(1, begin=number)
        desk.pass_time(seconds=1)
    assert desk.drain() == 3
    assert [one.id for one in desk.internet.posted] == ids
    assert desk.states() == ["delivered"] * 3


def test_never_more_than_four_tries_are_under_way_at_one_endpoint(tmp_path: Path) -> None:
    with office(tmp_path) as desk:
        desk.owe(20)
        under_way, most = 0, 0

        async def story() -> None:
            posting = desk.internet.post

            async def slowly(*args, **given):
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                for _ in range(5):
                    await asyncio.sleep(0)
                under_way -= 1
                return await posting(*args, **given)

            desk.drainer._senders["webhook"]._outgoing = Slow(slowly)
            await desk.drainer.drain("newsroom")

        asyncio.run(story())
        assert most == IN_FLIGHT
        assert desk.states() == ["delivered"] * 20


class Slow:
    def __init__(self, post) -> None:
        self.post = post


@pytest.mark.parametrize("rate", [0.5, 1, 5, 20])
def test_no_second_sees_more_tries_than_the_rate_allows(tmp_path: Path, rate: float) -> None:
    with office(tmp_path, a_spec("newsroom", rate=rate)) as desk:
        desk.owe(45)
        assert desk.drain() == 45
        times = sorted(one.at for one in desk.internet.posted)
    at_once = max(1, int(rate))
    window = timedelta(seconds=at_once / rate)
    assert all(
        later - first >= window for first, later in zip(times, times[at_once:], strict=False)
    )
    assert times[-1] - times[0] < timedelta(seconds=46 / rate)


def test_what_was_held_is_replayed_within_the_rate(tmp_path: Path) -> None:
    with office(tmp_path, a_spec("newsroom", rate=5)) as desk:
        desk.internet.receivers["newsroom"] = lambda _: 410
        desk.owe(30)
        desk.drain()
        assert desk.states() == ["held"] * 30
        tried = len(desk.internet.posted)
        assert tried <= IN_FLIGHT
        desk.pass_time(hours=5)
        assert desk.drain("newsroom") == 0

        del desk.internet.receivers["newsroom"]
        assert desk.database.enable_endpoint("newsroom", desk.now) == 30
        assert desk.drain() == 30
        times = [one.at for one in desk.internet.posted[tried:]]
        assert all(
            later - first >= timedelta(seconds=1)
            for first, later in zip(times, times[5:], strict=False)
        )


def test_ten_failures_in_a_row_leave_one_try_at_each_step(desk: Office) -> None:
    # given an endpoint that is down, with a long queue
    desk.internet.receivers["newsroom"] = dead
    desk.owe(100)
    desk.drain()
    first = len(desk.internet.posted)
    assert BREAKS_AT <= first < BREAKS_AT + IN_FLIGHT

    # when time goes on, each step brings one try
    for seconds in (6, 60, 300, 1000, 900, 1801):
        desk.pass_time(seconds=seconds)
        desk.drain()
    assert len(desk.internet.posted) == first + 4

    # then one arrival lets all go out that are due
    del desk.internet.receivers["newsroom"]
    desk.pass_time(minutes=31)
    assert desk.drain() == 100
    assert desk.states() == ["delivered"] * 100
    assert desk.endpoint().failures == 0


def test_a_breaker_is_open_after_a_restart_too(tmp_path: Path) -> None:
    with office(tmp_path) as before:
        before.internet.receivers["newsroom"] = dead
        before.owe(20)
        before.drain()
    with office(tmp_path) as after:
        after.internet.receivers["newsroom"] = dead
        assert after.drain("newsroom") == 0
        assert after.internet.posted == []
        after.pass_time(seconds=6)
        after.drain()
        assert len(after.internet.posted) == 1


def test_a_dead_and_a_slow_endpoint_delay_no_other(tmp_path: Path) -> None:
    names = [f"good-{number}" for number in range(8)]
    specs = [a_spec(name, rate=1000) for name in (*names, "dead", "slow")]
    with office(tmp_path, *specs) as desk:
        desk.internet.receivers["dead"] = dead
        desk.owe(20)
        begun, released = asyncio.Event(), asyncio.Event()

        async def story() -> None:
            posting = desk.internet.post

            async def held_up(url, **given):
                if url.endswith("/slow"):
                    begun.set()
                    await released.wait()
                return await posting(url, **given)

            desk.drainer._senders["webhook"]._outgoing = Slow(held_up)
            waiting = asyncio.create_task(desk.drainer.drain("slow"))
            await begun.wait()
            await asyncio.gather(*map(desk.drainer.drain, (*names, "dead")))
            # All others are done while the slow one has not answered once.
            assert not waiting.done()
            assert all(desk.states(name) == ["delivered"] * 20 for name in names)
            assert len(desk.internet.to("dead")) < BREAKS_AT + IN_FLIGHT
            assert desk.internet.to("slow") == []
            released.set()
            assert await waiting == 20

        asyncio.run(story())


def test_a_lease_is_not_outlived_by_what_a_slow_endpoint_leaves(desk: Office) -> None:
    # given an endpoint that takes 19 s for each answer
    def slow(_: Posted) -> int:
        desk.pass_time(seconds=19)
        return 204

    desk.internet.receivers["newsroom"] = slow
    desk.owe(12)
    assert desk.drain() == 12
    # then no delivery was sent under a claim that had run out: each was settled at once
    assert {one.attempts for one in desk.database.deliveries()} == {1}
    assert len(desk.internet.posted) == 12


def test_a_desk_that_stops_begins_nothing_more(desk: Office) -> None:
    def stopping(_: Posted) -> int:
        desk.drainer.stop()
        return 204

    desk.internet.receivers["newsroom"] = stopping
    desk.owe(50)
    desk.drain()
    arrived = len(desk.internet.posted)
    assert arrived <= IN_FLIGHT
    assert desk.states() == ["delivered"] * arrived + ["due"] * (50 - arrived)
    assert desk.database.due_endpoints(desk.now) == ("newsroom",)


def test_others_are_told_of_an_endpoint_that_is_gone(tmp_path: Path) -> None:
    union = a_spec("union", events=("endpoint.disabled",))
    with office(tmp_path, a_spec("newsroom"), union) as desk:
        desk.internet.receivers["newsroom"] = lambda _: 410
        desk.owe(1, "newsroom")
        desk.drain()
        assert desk.rung == ["union"]
        desk.drain()
        (told,) = desk.internet.to("union")
        assert b'"type":"endpoint.disabled"' in told.body
        assert b'"endpoint":"newsroom"' in told.body
        assert b"410 Gone" in told.body
        (event,) = desk.database.events(10)
        assert (event.kind, event.about) == ("endpoint.disabled", "newsroom")


def test_five_days_without_an_arrival_disable_an_endpoint(desk: Office) -> None:
    desk.internet.receivers["newsroom"] = dead
    for day in range(6):
        desk.owe(5, begin=100 * day)
        for _ in range(6):
            desk.drain()
            desk.pass_time(hours=4)
    (disabled,) = desk.database.events(50)
    assert disabled.kind == "endpoint.disabled"
    assert timedelta(days=5) <= disabled.at - NOON <= timedelta(days=5, hours=4)
    assert desk.endpoint().disabled == "nothing arrived for 5 days"
    assert desk.states() == ["held"] * 30
    reasons = {one.error for one in desk.database.deliveries()}
    assert all("cannot be reached" in reason or "disabled" in reason for reason in reasons)


def test_what_was_tried_to_the_end_at_a_dead_endpoint_is_kept_and_arrives(desk: Office) -> None:
    # given one delivery, and an endpoint that is down for four days
    desk.internet.receivers["newsroom"] = dead
    desk.owe(1)
    while (tried := desk.only()).state == "due" or desk.now < NOON + timedelta(hours=96):
        desk.now = max(tried.due, desk.endpoint().rests_until or desk.now)
        desk.drain()
        if tried.state == "held":
            desk.pass_time(minutes=30)
    assert tried.state == "held"
    assert len(tried.log) >= 10
    assert desk.endpoint().disabled == ""

    # when it is back, it is found by itself
    del desk.internet.receivers["newsroom"]
    desk.pass_time(hours=1)
    desk.drain()
    assert desk.only().state == "delivered"


def test_a_delivery_that_alone_is_refused_has_failed_in_the_end(desk: Office) -> None:
    (poison,) = desk.owe(1)
    desk.internet.receivers["newsroom"] = lambda posted: 400 if posted.id == poison else 204
    number = 1
    while (delivery := desk.database.delivery(poison)) and delivery.state == "due":
        desk.now = max(desk.now, delivery.due)
        desk.drain()
        desk.owe(1, begin=number)
        desk.drain()
        number += 1
    assert delivery is not None
    assert (delivery.state, len(delivery.log)) == ("failed", 10)
    assert delivery.error == "it answered 400 Bad Request"


def test_tries_follow_the_schedule(desk: Office) -> None:
    desk.internet.receivers["newsroom"] = lambda posted: 500
    desk.owe(1)
    while desk.only().state == "due":
        desk.now = desk.only().due
        desk.drain()
    times = [attempt.at for attempt in desk.only().log]
    steps = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(times)]
    assert len(gaps) == len(steps)
    assert all(step <= gap <= step * 1.1 + 1 for gap, step in zip(gaps, steps, strict=True))
