"""What is over is forgotten in time; what is owed, and what was found, never is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from store import Attempt, Delivery, Owed, Tried, receivers
from store.database import Database
from tests.builders import NOON
from tests.desks import at_work, write_desk
from tests.feeds.servers import in_loop

DAY = timedelta(days=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path / 'tocsin.db'}")
    database.sync_endpoints(["newsroom", "union"], NOON)
    yield database
    database.close()


def owe(database: Database, identity: str, age: timedelta, endpoint: str = "newsroom") -> None:
    owed = Owed(id=identity, endpoint=endpoint, event="match.created", payload={"data": {}})
    database.owe([owed], NOON - age)


def arrive(database: Database, endpoint: str = "newsroom") -> None:
    for held in database.claim_deliveries(endpoint, NOON, timedelta(minutes=1), 100):
        attempt = Attempt(number=1, at=NOON, took=timedelta(), status=204)
        database.settle([Tried(delivery=held, attempt=attempt, outcome="delivered")])


def kept(database: Database) -> list[str]:
    return sorted(one.id for one in database.deliveries(limit=1000))


def forget(database: Database, limit: int = 100) -> int:
    return database.forget(NOON - 90 * DAY, NOON - 7 * DAY, limit)


def test_deliveries_that_are_over_are_forgotten_with_their_tries(database: Database) -> None:
    owe(database, "old", 91 * DAY)
    owe(database, "young", 89 * DAY)
    arrive(database)
    assert forget(database) == 1
    assert kept(database) == ["young"]
    assert database.delivery("old") is None
    young: Delivery | None = database.delivery("young")
    assert young is not None
    assert len(young.log) == 1
    assert database.check() == ()


def test_what_is_owed_still_is_kept_however_old_it_is(database: Database) -> None:
    owe(database, "due", 400 * DAY)
    owe(database, "held", 400 * DAY, "union")
    database.sync_endpoints(["newsroom"], NOON)
    assert {one.state for one in database.deliveries()} == {"due", "held"}
    assert forget(database) == 0
    assert kept(database) == ["due", "held"]


def test_whole_feeds_that_were_pushed_are_forgotten_after_days(database: Database) -> None:
    with database._engine.writing() as session:
        receivers.enlist(session, "hub:1", "hub")
    owe(database, "pushed", 8 * DAY, "hub:1")
    owe(database, "just pushed", 6 * DAY, "hub:1")
    owe(database, "alert", 8 * DAY)
    arrive(database, "hub:1")
    arrive(database)
    assert forget(database) == 1
    assert kept(database) == ["alert", "just pushed"]


def test_so_much_is_forgotten_at_once_as_is_asked_for_the_oldest_first(database: Database) -> None:
    for number in range(5):
        owe(database, str(number), (100 - number) * DAY)
    arrive(database)
    assert [forget(database, 2) for _ in range(4)] == [2, 2, 1, 0]
    owe(database, "0", 100 * DAY)
    owe(database, "1", 99 * DAY)
    arrive(database)
    assert forget(database, 1) == 1
    assert kept(database) == ["1"]


@in_loop
async def test_a_desk_forgets_by_its_settings_and_tells_nothing_again(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk", receiver="http://127.0.0.1:9/")
    with (folder / "tocsin.toml").open("a") as settings:
        settings.write('[store]\nkeep = "30d"\n')
    (folder / "articles" / "a.txt").write_text("Ley 32108", "utf-8")
    async with at_work(folder) as app:
        # given a match that was told, long ago
        await app.poller.poll("articles", due_only=False)
        await app.engine.settle(timedelta(seconds=10))
        (owed,) = app.database.deliveries()
        with app.database._engine.writing() as session:
            session.connection().exec_driver_sql(
                "UPDATE delivery SET state = 'delivered', created_at = 0, token = ''"
            )
        # when
        assert await app.forget() == 1
        # then
        (folder / "articles" / "b.txt").write_text("Otra cosa", "utf-8")
        await app.poller.poll("articles", due_only=False)
        assert app.database.deliveries() == ()
        assert app.database.delivery(owed.id) is None
        assert len(app.database.published(["law-32108"], 10)) == 1
