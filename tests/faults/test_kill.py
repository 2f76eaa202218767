"""A process that dies at any step loses nothing, doubles nothing in feeds, and alters no bytes."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.database import Database
from tests.desks import SECRET, write_desk
from tests.faults.crashing import DIGEST_STEPS, NAME_STEPS, STEPS, STORY_STEPS, TABLE_STEPS
from tests.feeds.servers import Answer, Receiver, serving
from tests.journeys.running import eventually, ran, started, tocsin
from tests.store.test_copies import an_old_store

ARTICLES = 4


@contextmanager
def receiving(answer: Answer | None = None) -> Iterator[tuple[str, Receiver]]:
    """Give the address of a receiver that verifies, and what it took; it runs beside the test.

    *answer* answers in its place.
    """
    receiver = Receiver(secret=SECRET)
    ready, stop = threading.Event(), threading.Event()
    address = []

    async def serve() -> None:
        async with serving(answer or receiver) as server:
            address.append(server.url)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(10)
    try:
        yield address[0], receiver
    finally:
        stop.set()
        thread.join()


def write_article(folder: Path, number: int) -> None:
    text = f"Nota {number}: la Ley 32108 y la extorsión"
    (folder / "articles" / f"{number}.txt").write_text(text, "utf-8")


def assert_whole(folder: Path, receiver: Receiver, articles: int) -> None:
    """The oracle: each (rule, entry) once in its feed, each delivery arrived, one body for an id."""
    bodies: dict[str, set[bytes]] = {}
    for identity, body in receiver.taken:
        bodies.setdefault(identity, set()).add(body)
    assert {len(variants) for variants in bodies.values()} == {1}
    arrived = [json.loads(min(variants))["data"] for variants in bodies.values()]
    keys = sorted(said["entry"]["title"] for said in arrived)
    assert keys == sorted(f"Nota {n}: la Ley 32108 y la extorsión" for n in range(articles))
    assert sorted(said["seq"] for said in arrived) == list(range(1, articles + 1))
    assert receiver.refused == 0
    database = Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")
    try:
        for rule in ("law-32108", "extortion"):
            found = [one.entry.title for one in database.published([rule], 1000)]
            assert sorted(found) == keys
        assert {one.state for one in database.deliveries(limit=1000)} == {"delivered"}
        assert database.check() == ()
    finally:
        database.close()


ONCE = ("source claimed", "before gathering", "after asking the store", "before the commit")
ONCE = (*ONCE, "entries written", "matches written", "deliveries written")
ONCE = (*ONCE, "schedule written", "after the commit")
ONCE = (*ONCE, "before the arrival is written", "after the arrival is written")
"""Steps that a poll of one source goes through once, if it is quick."""


@pytest.mark.parametrize(
    ("step", "times"),
    [(step, times) for step in STEPS for times in ((1,) if step in ONCE else (1, 2))],
)
def test_a_poll_that_dies_at_any_step_is_made_good_by_the_next(
    tmp_path: Path, step: str, times: int
) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        for number in range(ARTICLES):
            write_article(folder, number)
        poll = ["--desk", str(folder), "poll", "--source", "articles"]
        dead = ran("tests.faults.crashing", step, str(times), *poll, cwd=tmp_path)
        assert dead.returncode == 137, dead.stderr
        assert tocsin(*poll, cwd=tmp_path).returncode == 0
        assert_whole(folder, receiver, ARTICLES)


def test_a_desk_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(32108)
    articles = 0
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        for _ in range(5):
            desk = started(folder)
            for _ in range(6):
                write_article(folder, articles)
                articles += 1
                time.sleep(chance.random() / 10)
            time.sleep(chance.random())
            desk.kill()
        desk = started(folder)
        try:
            eventually(lambda: len({identity for identity, _ in receiver.taken}) == articles)
            eventually(lambda: all(one["state"] == "delivered" for one in _deliveries(folder)))
        finally:
            desk.kill()
        assert_whole(folder, receiver, articles)


def _deliveries(folder: Path) -> list[dict[str, str]]:
    done = tocsin("--desk", str(folder), "deliveries", "list", "--json", cwd=folder.parent)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("step", DIGEST_STEPS)
def test_a_desk_that_dies_while_it_makes_a_digest_neither_loses_nor_doubles(
    tmp_path: Path, step: str
) -> None:
    # given an endpoint that gets one alert a second, and four articles
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        with (folder / "tocsin.toml").open("a") as settings:
            settings.write('at_most = {count = 1, per = "1s"}\n')
        for number in range(ARTICLES):
            write_article(folder, number)
        poll = ["--desk", str(folder), "poll", "--source", "articles"]
        assert tocsin(*poll, cwd=tmp_path).returncode == 0
        (alone,) = receiver.taken

        # when it dies over the digest of the rest
        eventually(lambda: time.time() > _closes(folder))
        dead = ran("tests.faults.crashing", step, "1", *poll, cwd=tmp_path)
        assert dead.returncode == 137, dead.stderr
        assert tocsin(*poll, cwd=tmp_path).returncode == 0

    # then one digest with one body tells of all of them
    digests = {identity: body for identity, body in receiver.taken if identity != alone[0]}
    assert len({body for identity, body in receiver.taken if identity != alone[0]}) == 1
    (body,) = digests.values()
    told = [one["id"] for one in json.loads(body)["data"]["events"]]
    states = {one["id"]: one["state"] for one in _deliveries(folder)}
    assert sorted([alone[0], *digests, *told]) == sorted(states)
    assert {states[identity] for identity in told} == {"bundled"}
    assert {states[identity] for identity in (alone[0], *digests)} == {"delivered"}


@pytest.mark.parametrize("step", STORY_STEPS)
def test_a_desk_that_dies_while_a_copy_joins_tells_its_story_once(
    tmp_path: Path, step: str
) -> None:
    # given a story that was told, and a copy of it in another folder
    text = "La Ley 32108 sacó otra vez a los transportistas a las calles del norte de Lima"
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        with (folder / "sources.yaml").open("a") as sources:
            sources.write("  - {name: other, kind: files, path: other, alert_since: always}\n")
        for name in ("articles", "other"):
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "nota.txt").write_text(f"Noticia de {name}\n\n{text}\n", "utf-8")
        poll = ["--desk", str(folder), "poll", "--source"]
        assert tocsin(*poll, "articles", cwd=tmp_path).returncode == 0

        # when the desk dies over the copy, and is started again
        dead = ran("tests.faults.crashing", step, "1", *poll, "other", cwd=tmp_path)
        assert dead.returncode == 137, dead.stderr
        assert tocsin(*poll, "other", cwd=tmp_path).returncode == 0

    # then there is one alert, and one entry with both
    database = Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")
    try:
        (match,) = database.published(["law-32108"], 10)
    finally:
        database.close()
    assert [outlet.name for outlet in match.outlets] == ["other"]
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("step", NAME_STEPS)
def test_a_desk_that_dies_while_a_rule_gets_another_name_tells_nothing_again(
    tmp_path: Path, step: str
) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        for number in range(ARTICLES):
            write_article(folder, number)
        poll = ["--desk", str(folder), "poll", "--source", "articles"]
        assert tocsin(*poll, cwd=tmp_path).returncode == 0
        before = _matches(folder, "law-32108")

        rules = folder / "rules" / "rules.yaml"
        renamed = "id: law\n    formerly: [law-32108]"
        rules.write_text(rules.read_text("utf-8").replace("id: law-32108", renamed), "utf-8")
        dead = ran("tests.faults.crashing", step, "1", *poll, cwd=tmp_path)
        assert dead.returncode == 137, dead.stderr
        assert tocsin(*poll, cwd=tmp_path).returncode == 0

    assert _matches(folder, "law") == before
    assert _matches(folder, "law-32108") == []
    assert len(receiver.taken) == ARTICLES


@pytest.mark.parametrize("step", TABLE_STEPS)
def test_a_migration_that_is_killed_leaves_the_old_tables_or_the_new(
    tmp_path: Path, step: str
) -> None:
    # given a store of the second version with a source in it
    folder = write_desk(tmp_path / "desk")
    store = folder / "data" / "tocsin.db"
    store.parent.mkdir()
    an_old_store(store, "0002")
    with sqlite3.connect(store) as old:
        before = "\n".join(old.iterdump())

    # when its migration is killed
    migrate = ["--desk", str(folder), "migrate"]
    dead = ran("tests.faults.crashing", step, "1", *migrate, cwd=tmp_path)
    assert dead.returncode == 137, dead.stderr

    # then it is what it was, or done; and the next start makes it whole
    with sqlite3.connect(store) as left:
        is_done = step == "tables committed"
        assert ("\n".join(left.iterdump()) == before) is not is_done
    assert tocsin(*migrate, cwd=tmp_path).returncode == 0
    database = Database.open(f"sqlite:///{store}")
    try:
        assert database.check() == ()
        assert database.migrated is None
    finally:
        database.close()


def _matches(folder: Path, rule: str) -> list[str]:
    database = Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")
    try:
        return [one.id for one in database.published([rule], 100)]
    finally:
        database.close()


def _closes(folder: Path) -> float:
    database = Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")
    try:
        return max(one.due.timestamp() for one in database.deliveries(state="waiting"))
    finally:
        database.close()
