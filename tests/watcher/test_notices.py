"""What endpoints are told of the desk itself."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from tests.builders import NOON
from tests.desks import at_work, write_desk
from tests.feeds.servers import Asked, in_loop, respond, serving
from tests.posting import Office, office
from tests.watcher.conftest import Clock
from watcher import app as apps
from watcher.app import App


class Willing:
    """A receiver that takes what comes: the desk's time is not its own."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, asked: Asked) -> bytes:
        self.bodies.append(asked.body)
        return respond(204)


async def beaten(app: App) -> None:
    await app.be_alive()
    for name in app.database.due_endpoints(apps.utc_now()):
        await app.drainer.drain(name)


@in_loop
async def told_on(days: list[timedelta], clock: Clock, folder: Path, said: list[dict]) -> None:
    receiver = Willing()
    async with serving(receiver) as server:
        write_desk(folder, receiver=server.url, events='["heartbeat"]')
        async with at_work(folder) as app:
            for day in days:
                clock.now = NOON + day
                await beaten(app)
    said += map(json.loads, receiver.bodies)


def test_a_heartbeat_is_told_once_a_day_to_those_who_want_it(tmp_path: Path, clock: Clock) -> None:
    said: list[dict] = []
    days = [timedelta(0), timedelta(hours=1), timedelta(hours=12), timedelta(hours=13)]
    told_on(days, clock, tmp_path / "desk", said)
    assert [one["timestamp"] for one in said] == ["2026-11-24T12:00:00Z", "2026-11-25T00:00:00Z"]
    assert {one["type"] for one in said} == {"heartbeat"}
    assert said[0]["data"] == {
        "sources": {"watched": 1, "failing": 0},
        "matches": 0,
        "links": {"home": "http://127.0.0.1:0/"},
    }


def test_a_restart_tells_no_second_heartbeat(tmp_path: Path, clock: Clock) -> None:
    said: list[dict] = []
    for _ in range(2):
        told_on([timedelta(0)], clock, tmp_path / "desk", said)
    assert len(said) == 1


def with_clock_ahead(desk: Office, **ahead: float) -> None:
    """Try a delivery, and owe another, while the clock is ahead; then set it right."""
    desk.internet.receivers["newsroom"] = lambda _: 503
    desk.pass_time(**ahead)
    desk.owe(1, begin=1)
    desk.drain()
    desk.owe(1, begin=2)
    desk.internet.receivers.clear()
    desk.now = NOON
    desk.database.mend_clock(desk.now, timedelta(hours=26))


def test_what_was_owed_while_the_clock_was_ahead_is_sent_when_it_is_right(tmp_path: Path) -> None:
    with office(tmp_path) as desk:
        with_clock_ahead(desk, days=1000)
        assert desk.drain() == 1
        retried = next(one for one in desk.database.deliveries() if one.state == "due")
        assert retried.due == NOON + timedelta(hours=26)
        assert desk.endpoint().failing_since in (None, NOON)
        desk.pass_time(hours=26)
        assert desk.drain() == 1


def test_a_lease_from_the_future_binds_nobody(tmp_path: Path) -> None:
    with office(tmp_path) as desk:
        desk.owe(1)
        desk.pass_time(days=1)
        desk.database.claim_deliveries("newsroom", desk.now, timedelta(minutes=1), 4)
        desk.now = NOON - timedelta(days=5)
        desk.database.mend_clock(desk.now, timedelta(hours=26))
        assert desk.drain() == 1
