"""Copies of the store's file: made beside a running desk, and looked through before one is trusted."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from store.errors import StoreError


def copy(path: Path, target: Path) -> None:
    """Copy the SQLite file at *path*, in one state, to *target*, which must not be there yet.

    Others may write meanwhile. The copy is one file without a log beside it, on the
    disk before it has its name, and its owner's alone: it holds what the store holds.
    """
    with (
        new_file(target) as unfinished,
        closing(_reader(path)) as source,
        closing(sqlite3.connect(unfinished)) as into,
    ):
        source.backup(into)
        into.execute("PRAGMA journal_mode=DELETE")


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Give a file that becomes *target*, which must not be there yet, once it is written whole."""
    if target.exists():
        raise StoreError(
            f"{target} is there already, and nothing is overwritten; name another file"
        )
    unfinished = target.with_name(f"{target.name}.unfinished")
    with _told(f"{target} cannot be written"):
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield unfinished
            _flush(unfinished)
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)
        _flush(target.parent)


def version(path: Path) -> str:
    """Return which migration a whole copy of a store stands at; raise StoreError for all else."""
    with _told(f"{path} is no copy of a store"), closing(_reader(path)) as copied:
        broken = [row[0] for row in copied.execute("PRAGMA integrity_check") if row[0] != "ok"]
        if broken or copied.execute("PRAGMA foreign_key_check").fetchone():
            raise StoreError(f"{path} is damaged; use another copy")
        tables = {row[0] for row in copied.execute("SELECT name FROM sqlite_master")}
        if "alembic_version" not in tables or "delivery" not in tables:
            raise StoreError(f"{path} is no copy of a store of tocsin; name another file")
        found: str = copied.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        return found


def put_in_place(source: Path, path: Path) -> Path | None:
    """Make a copy of *source* the store at *path*; return where the store that was there is kept.

    The caller holds that store alone. Dying on the way leaves either store whole.
    """
    arriving = path.with_name(f"{path.name}.arriving")
    with _told(f"{source} cannot be put in the place of {path}"):
        arriving.unlink(missing_ok=True)
        copy(source, arriving)
        kept, was_there = free_name(path, "before-restore"), path.exists()
        if was_there:
            _absorb_log(path)
            os.link(path, kept)
        for log in ("-wal", "-shm"):
            # SQLite would play the log of one store into any other of its name.
            beside = path.with_name(f"{path.name}{log}")
            if beside.exists():
                beside.replace(kept.with_name(f"{kept.name}{log}"))
        arriving.replace(path)
        _flush(path.parent)
        return kept if was_there else None


def free_name(path: Path, why: str) -> Path:
    """Return a name beside *path* that says *why* it is kept, and that no file has yet."""
    number, found = 1, path.with_name(f"{path.name}.{why}")
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}.{why}-{number}")
    return found


def _absorb_log(path: Path) -> None:
    """Bring what stands in the write-ahead log into the file; a damaged store keeps its log."""
    try:
        with closing(sqlite3.connect(path)) as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        return


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{what}: {error}") from error
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror or error}") from error
