"""Backups are whole beside a running desk; what is no whole copy never becomes the store."""

from __future__ import annotations

import sqlite3
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from store import Event, Poll
from store.database import Database, StoreBusyError, StoreError
from store.engine import HEAD
from tests.builders import NOON, a_match, a_source, an_entry, judged


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def commit(database: Database, *titles: str) -> None:
    """Store an article of each title, with a match."""
    database.sync_sources([a_source()], NOON)
    database.sync_rules({"law-32108": ("1", "Peru: Law 32108")})
    claim = database.claim("green-left", NOON, timedelta(minutes=1), due_only=False)
    assert claim is not None
    found = tuple(judged(an_entry(title, title=title), a_match()) for title in titles)
    done = database.commit(
        Poll(source="green-left", token=claim.token, at=NOON, next_poll_at=NOON, judged=found)
    )
    assert done is not None


def a_store(path: Path, *titles: str) -> None:
    database = Database.open(url(path))
    commit(database, *titles)
    database.close()


def titles(path: Path) -> list[str]:
    database = Database.open(url(path))
    try:
        return [one.entry.title for one in database.published(["law-32108"], 100)]
    finally:
        database.close()


def an_old_store(path: Path, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(url(path))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


def beside(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir() if not one.name.endswith(".lock")}


def test_a_backup_beside_a_desk_that_writes_is_one_state_of_it(tmp_path: Path) -> None:
    # given a desk that notes events without rest
    database = Database.open(url(tmp_path / "tocsin.db"))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            about = str(database.commits)
            database.note(Event(kind="source.failing", about=about, words="no answer", at=NOON))

    writer = threading.Thread(target=write)
    writer.start()
    # when
    try:
        for number in range(5):
            Database.back_up(url(tmp_path / "tocsin.db"), tmp_path / f"{number}.copy")
    finally:
        stop.set()
        writer.join()
        database.close()
    # then each copy is whole, one file, and its owner's alone
    for number in range(5):
        path = tmp_path / f"{number}.copy"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with sqlite3.connect(path) as copied:
            assert copied.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert copied.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert not [name for name in beside(tmp_path / "x") if "copy-" in name or "unfinished" in name]


def test_a_restored_store_is_that_of_the_backup_and_the_one_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    a_store(path, "Monday")
    Database.back_up(url(path), tmp_path / "monday")
    path.unlink()
    a_store(path, "Tuesday")

    kept = Database.restore(url(path), tmp_path / "monday")

    assert titles(path) == ["Monday"]
    assert kept is not None
    assert titles(kept) == ["Tuesday"]
    again = Database.restore(url(path), tmp_path / "monday")
    assert again not in {None, kept}
    assert titles(kept) == ["Tuesday"]


def test_a_log_that_lies_beside_the_store_goes_with_it_and_not_into_the_copy(
    tmp_path: Path,
) -> None:
    # given a store whose process died: its last words stand in the log alone
    path = tmp_path / "tocsin.db"
    a_store(path, "Monday")
    Database.back_up(url(path), tmp_path / "monday")
    database = Database.open(url(path))
    commit(database, "Tuesday")
    dead = tmp_path / "dead"
    dead.mkdir()
    for log in ("", "-wal"):
        (dead / f"tocsin.db{log}").write_bytes(path.with_name(f"{path.name}{log}").read_bytes())
    database.close()
    # when
    kept = Database.restore(url(dead / "tocsin.db"), tmp_path / "monday")
    # then
    assert titles(dead / "tocsin.db") == ["Monday"]
    assert kept is not None
    assert titles(kept) == ["Tuesday", "Monday"]


def test_a_damaged_store_is_put_aside_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    a_store(path, "Monday")
    Database.back_up(url(path), tmp_path / "monday")
    path.write_bytes(b"no database " * 100)
    kept = Database.restore(url(path), tmp_path / "monday")
    assert titles(path) == ["Monday"]
    assert kept is not None
    assert kept.read_bytes().startswith(b"no database")


def test_what_is_no_whole_copy_of_a_store_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    a_store(path, *(f"Article {number} " + "x" * 5000 for number in range(30)))
    Database.back_up(url(path), tmp_path / "good")
    data = (tmp_path / "good").read_bytes()
    (tmp_path / "torn").write_bytes(data[: len(data) // 2])
    (tmp_path / "text").write_text("yesterday's notes")
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE bookmark (url TEXT)").close()
    (tmp_path / "newer").write_bytes(data)
    with sqlite3.connect(tmp_path / "newer") as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    before, files = path.read_bytes(), beside(path)
    for name, words in {
        "torn": "damaged|malformed",
        "text": "not a database",
        "other": "no copy of a store of tocsin",
        "newer": "newer tocsin.*9999",
        "missing": "there is no file",
        "tocsin.db": "the store itself",
    }.items():
        with pytest.raises(StoreError, match=words):
            Database.restore(url(path), tmp_path / name)
    assert (path.read_bytes(), beside(path)) == (before, files)


def test_nothing_is_restored_while_a_tocsin_has_the_store_open(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    a_store(path, "Monday")
    Database.back_up(url(path), tmp_path / "monday")
    database = Database.open(url(path))
    with pytest.raises(StoreBusyError, match="stop it"):
        Database.restore(url(path), tmp_path / "monday")
    database.close()
    Database.restore(url(path), tmp_path / "monday")


def test_a_backup_overwrites_nothing_and_needs_a_store(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    with pytest.raises(StoreError, match="no store"):
        Database.back_up(url(path), tmp_path / "copy")
    a_store(path, "Monday")
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(StoreError, match="nothing is overwritten"):
        Database.back_up(url(path), tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "precious"
    with pytest.raises(StoreError, match="No such file or directory"):
        Database.back_up(url(path), tmp_path / "missing" / "copy")


@pytest.mark.parametrize("version", [f"{number:04}" for number in range(1, int(HEAD))])
def test_every_older_store_is_copied_before_it_is_migrated(tmp_path: Path, version: str) -> None:
    path = tmp_path / "tocsin.db"
    an_old_store(path, version)
    database = Database.open(url(path))
    done = database.migrated
    assert database.check() == ()
    database.close()
    assert done is not None
    assert (done.before, done.after) == (version, HEAD)
    assert done.kept is not None
    with sqlite3.connect(done.kept) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchone() == (version,)
    again = Database.open(url(path))
    assert again.migrated is None
    again.close()


def test_a_migration_that_dies_leaves_the_old_store(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "tocsin.db"
    an_old_store(path, "0003")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alembic.operations.Operations.create_index", dies)
    with pytest.raises(KeyboardInterrupt):
        Database.open(url(path))
    monkeypatch.undo()
    with sqlite3.connect(path) as old:
        assert old.execute("SELECT version_num FROM alembic_version").fetchone() == ("0003",)
    database = Database.open(url(path))
    assert database.check() == ()
    database.close()


def test_tables_are_not_changed_under_an_older_tocsin_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    a_store(path, "Monday")
    running = Database.open(url(path))
    with sqlite3.connect(path) as old:
        old.execute("UPDATE alembic_version SET version_num = '0010'")
    with pytest.raises(StoreBusyError, match="stop that one"):
        Database.open(url(path))
    running.close()
