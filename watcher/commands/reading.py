"""Opens the store of a desk for the commands that only look into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.database import Database
from watcher.clock import utc_now
from watcher.desk import find_desk, read_desk


@contextmanager
def reading(given: Path | None) -> Iterator[Database]:
    """Give the store, which knows the sources and endpoints that the desk has now."""
    state = read_desk(find_desk(given, os.environ, Path.cwd()), os.environ)
    database = Database.open(state.settings.store_url)
    try:
        database.sync_sources(state.sources, utc_now())
        database.sync_endpoints(tuple(state.endpoints), utc_now())
        yield database
    finally:
        database.close()
