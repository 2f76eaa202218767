"""A store that is full, held by another, or left in the middle of the work loses nothing."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest
import sqlalchemy as sa

from store.database import StoreError
from tests.desks import SECRET, at_work, source, titles, write_desk
from tests.faults.test_kill import assert_whole, receiving, write_article
from tests.feeds.servers import Asked, Receiver, in_loop, respond, serving
from tests.journeys.running import Running, eventually, running, started, tocsin


@in_loop
async def test_a_full_disk_stores_nothing_by_halves_and_is_made_good_when_there_is_room(
    tmp_path: Path,
) -> None:
    receiver = Receiver(secret=SECRET)
    async with serving(receiver) as endpoint:
        folder = write_desk(tmp_path / "desk", receiver=endpoint.url)
        (folder / "articles" / "a.txt").write_text("Ley 32108: ayer", "utf-8")
        async with at_work(folder) as app:
            # given a desk that knows an article, and a disk that is full now
            await app.poller.poll("articles", due_only=False)
            shown = app.database.published(["law-32108"], 10)
            engine = app.database._engine._engine
            with closing(sqlite3.connect(folder / "data" / "tocsin.db")) as store:
                pages = store.execute("PRAGMA page_count").fetchone()[0]

            def limit(connection: sqlite3.Connection, _: object) -> None:
                connection.execute(f"PRAGMA max_page_count={pages}").close()

            sa.event.listen(engine, "connect", limit)
            engine.dispose()
            # when a poll brings more than there is room for
            (folder / "articles" / "b.txt").write_text("Ley 32108: hoy " + "x" * 400_000, "utf-8")
            with pytest.raises(StoreError, match="its disk is full; make room"):
                await app.poller.poll("articles", due_only=False)
            # then readers see what they saw, and nothing is half there
            assert app.database.published(["law-32108"], 10) == shown
            assert app.database.check() == ()
        # and when there is room again
        async with at_work(folder) as app:
            await app.poller.poll("articles", due_only=False)
            await app.engine.settle(timedelta(seconds=10))
            await app.drainer.drain("newsroom")
            assert len(titles(app)) == 2
            assert source(app, "articles").entries == 2
    assert len({identity for identity, _ in receiver.taken}) == len(receiver.taken) == 2


@contextmanager
def bounded(desk: Running, what: int, limit: int) -> Iterator[None]:
    """Let a running desk have no more of something (setrlimit) as long as the block runs."""
    before = resource.prlimit(desk.process.pid, what)
    resource.prlimit(desk.process.pid, what, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(desk.process.pid, what, before)


def readiness(desk: Running) -> tuple[int, bytes]:
    try:
        return 200, desk.get("/readyz")
    except HTTPError as refused:
        return refused.code, refused.read()


def test_a_disk_that_takes_no_more_is_told_and_the_desk_goes_on_by_itself_when_it_does(
    tmp_path: Path,
) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        with running(folder) as desk:
            # given a desk that found an article, when nothing can be written any more
            write_article(folder, 0)
            eventually(lambda: "delivery accepted" in desk.log.read_text("utf-8"))
            with bounded(desk, resource.RLIMIT_FSIZE, 64 * 1024):
                write_article(folder, 1)
                eventually(lambda: "its disk reports errors" in desk.log.read_text("utf-8"))
                # then it says so, once, and shows what it has
                eventually(lambda: readiness(desk)[0] == 503)
                assert b"the store cannot be written" in readiness(desk)[1]
                shown = desk.items("law-32108")
                assert len(shown) == 1
                time.sleep(2.5)
                assert desk.log.read_text("utf-8").count("job failed") <= 4
            # and when there is room again, it takes up what it could not do
            eventually(lambda: len({identity for identity, _ in receiver.taken}) == 2)
            assert readiness(desk)[0] == 200
            assert desk.items("law-32108")[1:] == shown
        assert_whole(folder, receiver, 2)


def test_a_desk_without_a_free_descriptor_goes_on_when_it_has_some(tmp_path: Path) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        with running(folder) as desk:
            write_article(folder, 0)
            eventually(lambda: "delivery accepted" in desk.log.read_text("utf-8"))
            # when nothing can be opened any more: no file, no connection, no child process
            with bounded(desk, resource.RLIMIT_NOFILE, 3):
                write_article(folder, 1)
                time.sleep(2.5)
                assert len(receiver.taken) == 1
            # then it is not lost
            write_article(folder, 2)
            eventually(lambda: len({identity for identity, _ in receiver.taken}) == 3)
            assert readiness(desk)[0] == 200
        assert_whole(folder, receiver, 3)


def test_a_store_that_another_holds_for_longer_than_we_wait_loses_nothing(tmp_path: Path) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        desk = started(folder)
        try:
            with closing(sqlite3.connect(folder / "data" / "tocsin.db")) as other:
                other.execute("BEGIN IMMEDIATE")
                write_article(folder, 0)
                eventually(lambda: "was held by another process" in desk.log.read_text("utf-8"))
                assert receiver.taken == []
                other.rollback()
            write_article(folder, 1)
            eventually(lambda: len({identity for identity, _ in receiver.taken}) == 2)
        finally:
            desk.process.terminate()
            assert desk.process.wait(30) == 0
        assert_whole(folder, receiver, 2)


def test_a_desk_that_is_stopped_under_load_ends_what_it_began_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        with (folder / "tocsin.toml").open("a") as settings:
            settings.write("rate = 20\n")
        articles = 30
        desk = started(folder)
        for number in range(articles):
            write_article(folder, number)
        eventually(lambda: receiver.taken)
        desk.process.terminate()
        assert desk.process.wait(20) == 0
        desk = started(folder)
        eventually(lambda: len({identity for identity, _ in receiver.taken}) == articles)
        desk.process.terminate()
        assert desk.process.wait(20) == 0
        assert len(receiver.taken) == articles
        assert_whole(folder, receiver, articles)


def test_no_secret_stands_in_a_log_an_answer_or_a_list(tmp_path: Path) -> None:
    # given a receiver that repeats all that it gets, behind an address that is a secret
    seen: list[Asked] = []

    def repeat(asked: Asked) -> bytes:
        seen.append(asked)
        return respond(500, body=f"{SECRET} {asked.headers}".encode())

    with receiving(repeat) as (address, _):
        password, key = "hunter2hunter2", "querykeyquerykey"
        secret_address = address.replace("://", f"://desk:{password}@") + f"/hook?key={key}"
        folder = write_desk(tmp_path / "desk", receiver=address)
        settings = (folder / "tocsin.toml").read_text()
        settings = settings.replace(f'"{address}"', '{env = "HOOK_URL"}')
        (folder / "tocsin.toml").write_text(settings)
        environ = {"HOOK_URL": secret_address}
        desk = started(folder, environ)
        try:
            write_article(folder, 0)
            eventually(lambda: len(seen) > 1)
        finally:
            desk.process.terminate()
            desk.process.wait(30)
        told = desk.log.read_text("utf-8")
        for command in (
            ["deliveries", "list", "--json"],
            ["endpoints", "list", "--json"],
            ["doctor", "--json"],
            ["endpoints", "test", "newsroom", "--json"],
        ):
            done = tocsin("--desk", str(folder), *command, cwd=tmp_path, environ=environ)
            assert "Traceback" not in done.stderr
            told += done.stdout + done.stderr
        for identity in {asked.headers["webhook-id"] for asked in seen}:
            show = ["--desk", str(folder), "deliveries", "show", identity]
            told += tocsin(*show, cwd=tmp_path, environ=environ).stdout
            told += tocsin(*show, "--json", cwd=tmp_path, environ=environ).stdout
    assert "[secret]" in told
    for secret in (SECRET, SECRET.removeprefix("whsec_"), password, key):
        assert secret not in told
