"""The commands that keep the store safe: migrate, backup, restore, export, import.

They read the settings alone: a rule that is broken keeps nobody from a backup.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from rich.markup import escape

from store.database import Database
from watcher.commands.output import out, write_json
from watcher.desk import find_desk, shown
from watcher.settings import FILE, read_settings


def _store_url(given: Path | None) -> str:
    folder = find_desk(given, os.environ, Path.cwd())
    return read_settings(folder, shown(folder / FILE), os.environ).store_url


def migrate(given: Path | None, *, json: bool) -> None:
    """Bring the store's tables up to date, and write what that changed."""
    with closing(Database.open(_store_url(given))) as database:
        done = database.migrated
    before, after = (done.before, done.after) if done else (None, None)
    kept = done.kept if done else None
    if json:
        write_json({"migrated": done is not None, "from": before, "to": after, "copy": kept})
    elif done is None:
        out().print("The store's tables are up to date.")
    elif kept is None:
        out().print("A new store was made.")
    else:
        place = escape(shown(kept))
        out().print(f"The store's tables went from {before} to {after}; as it was: {place}")


def backup(given: Path | None, file: Path, *, json: bool) -> None:
    """Copy the store to a new file."""
    Database.back_up(_store_url(given), file)
    size = file.stat().st_size
    if json:
        write_json({"file": file, "bytes": size})
    else:
        out().print(f"{escape(shown(file))}: {size / 2**20:.1f} MB; tocsin restore takes it back")


def restore(given: Path | None, file: Path, *, json: bool) -> None:
    """Make a copy the store again."""
    kept = Database.restore(_store_url(given), file)
    if json:
        write_json({"restored": file, "kept": kept})
        return
    aside = f"; the store before it: {escape(shown(kept))}" if kept else ""
    out().print(f"{escape(shown(file))} is the store now{aside}")


def export(given: Path | None, file: Path, *, json: bool) -> None:
    """Write the whole store as JSON Lines to a new file."""
    with closing(Database.open(_store_url(given))) as database:
        count = database.export(file)
    if json:
        write_json({"file": file, "rows": count})
    else:
        out().print(f"{escape(shown(file))}: {count} rows; tocsin import takes them in")


def take_in(given: Path | None, file: Path, *, json: bool) -> None:
    """Take the rows of an export into an empty store."""
    with closing(Database.open(_store_url(given))) as database:
        count = database.take_in(file)
    if json:
        write_json({"file": file, "rows": count})
    else:
        out().print(f"{count} rows are in the store now")
