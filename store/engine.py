"""Opens the database file: connections, transactions, migrations, and errors in words."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlmodel import Session

from store import copies
from store.errors import StoreBusyError, StoreError

HEAD = "0014"
"""The migration that these rows belong to; a test holds it to the newest file in `versions`."""

BUSY_SECONDS = 5
LATELY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """The tables were brought from one version to another; *kept* is a copy from before."""

    before: str | None
    after: str
    kept: Path | None = None


class Engine:
    """One SQLite file: any number of readers, one writer at a time."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        self._engine = engine
        self._sign = _Sign(f"{where}.lock")
        self._immediate = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._where = where
        self._writer = threading.Lock()
        self._wrote_at = -LATELY
        self.commits = 0
        self.migrated: Migrated | None = None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one state of the store and writes nothing."""
        with self._told(), Session(self._engine, autoflush=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are committed together at the end, or not at all.

        The write lock is taken at its begin: a transaction that reads first and
        writes later would fail at once where another wrote in between.
        """
        with self._told(), self._writer, Session(self._immediate, autoflush=False) as session:
            session.connection()
            yield session
            session.commit()
            self.commits += 1
            self._wrote_at = time.monotonic()

    @property
    def wrote_lately(self) -> bool:
        """Tell whether a transaction was committed within the last second, and none failed since."""
        return time.monotonic() - self._wrote_at < LATELY

    @property
    def was_abandoned(self) -> bool:
        """Tell whether no other process had this store open when we opened it."""
        return self._sign.was_first

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._sign.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            self._wrote_at = -LATELY
            raise _in_words(error, self._where) from error


class _Sign:
    """A sign on the door: a file lock that each process with the store open shares.

    The kernel takes it down with the process, however that ends. Who can have
    it alone for a moment knows that all others are gone. Where the file system
    knows no locks, nobody is ever sure of that, and leases have to run out.
    """

    def __init__(self, name: str, *, shared: bool = True) -> None:
        try:
            self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the file {name} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.was_first = True
        except OSError:
            self.was_first = False
        if shared:
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        os.close(self._file)


def opened(url: str) -> Engine:
    """Return the engine for *url*, `sqlite:///` and a path, its tables brought up to date.

    The file and its folder are made where they are missing. Raise StoreError
    where it cannot be used, or was written by a newer tocsin.
    """
    path = _path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {path.parent} cannot be made: {error.strerror}") from error
    _writable(path)
    sqlite = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    sa.event.listen(sqlite, "connect", _set_up)
    sa.event.listen(sqlite, "begin", _begin)
    engine = Engine(sqlite, str(path))
    try:
        engine.migrated = _migrate(engine, path)
    except BaseException:
        engine.close()
        raise
    return engine


def _path(url: str) -> Path:
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return Path(url.removeprefix("sqlite:///"))
    scheme = url.partition(":")[0]
    hint = 'write [store] url = "sqlite:///data/tocsin.db"'
    raise StoreError(f"a store of the kind `{scheme}` cannot be used; {hint}")


def _writable(path: Path) -> None:
    wanted = path if path.exists() else path.parent
    if path.is_dir():
        raise StoreError(f"the store {path} is a folder; name a file")
    if not os.access(wanted, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreError(f"the store {path} cannot be written; check its owner and permissions")


def _set_up(connection: Any, _: object) -> None:
    # The driver would begin transactions of its own, too late and of the wrong kind.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _migrate(engine: Engine, path: Path) -> Migrated | None:
    with engine.reading() as session:
        if _version(session.connection()) == HEAD:
            return None
    with engine.writing() as session:
        connection = session.connection()
        version = _version(connection)
        if version == HEAD:
            return None
        return _upgrade(connection, version, path, alone=engine.was_abandoned)


def _version(connection: sa.Connection) -> str | None:
    tables = sa.inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        if tables:
            raise StoreError("the store's file belongs to another program; name another file")
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _upgrade(
    connection: sa.Connection, version: str | None, path: Path, *, alone: bool
) -> Migrated:
    # Alembic costs a third of a second to import, and a store is seldom migrated.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    kept = None
    if version is not None:
        if version not in known:
            raise too_new("the store", version)
        if not alone:
            raise StoreBusyError(
                f"the store's tables are those of an older tocsin ({version}), which has it open; "
                "stop that one, and try again"
            )
        # Nobody else can write now, so the copy is what the migration begins with.
        kept = copies.free_name(path, f"before-{HEAD}")
        copies.copy(path, kept)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return Migrated(before=version, after=HEAD, kept=kept)


def too_new(what: str, version: str) -> StoreError:
    """Return the refusal of tables that this tocsin does not know."""
    return StoreError(
        f"{what} was written by a newer tocsin (its tables are at {version}, this one knows "
        f"{HEAD}); install that version again, or restore a backup"
    )


def backed_up(url: str, target: Path) -> None:
    """Copy the store at *url* to the new file *target*, beside a running desk or without one."""
    path = _path(url)
    if not path.exists():
        raise StoreError(f"there is no store in {path} yet; nothing is to be copied")
    copies.copy(path, target)


def restored(url: str, source: Path) -> Path | None:
    """Make the copy *source* the store at *url*; return where the store before it is kept.

    Raise StoreError where the copy is damaged, newer than this tocsin or no store,
    or while a tocsin has the store open: nothing has changed then. An older copy
    is migrated when it is opened next.
    """
    path = _path(url)
    if not source.is_file():
        raise StoreError(f"there is no file {source}")
    if path.exists() and source.samefile(path):
        raise StoreError(f"{source} is the store itself; name a copy of it")
    version = copies.version(source)
    if version > HEAD:
        raise too_new(str(source), version)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {path.parent} cannot be made: {error.strerror}") from error
    sign = _Sign(f"{path}.lock", shared=False)
    try:
        if not sign.was_first:
            raise StoreBusyError(f"a tocsin has the store {path} open; stop it, and try again")
        return copies.put_in_place(source, path)
    finally:
        sign.close()


def _in_words(error: exc.DBAPIError, where: str) -> StoreError:
    """Return what SQLite's *error* means for an operator."""
    cause = str(error.orig)
    if "locked" in cause or "busy" in cause:
        return StoreBusyError(
            f"the store {where} was held by another process for {BUSY_SECONDS} s; try again"
        )
    meanings = {
        "full": "its disk is full; make room",
        "readonly": "it cannot be written; check its owner and permissions",
        "unable to open": "it cannot be opened; check its folder, owner and permissions",
        "not a database": "it is not a SQLite database; name another file, or restore a backup",
        "malformed": "it is damaged; restore a backup",
        "disk I/O": "its disk reports errors; check the disk, then restore a backup if needed",
    }
    for sign, meaning in meanings.items():
        if sign in cause:
            return StoreError(f"the store {where}: {meaning} ({cause})")
    return StoreError(f"the store {where} failed: {cause}")
