"""Runs a command of tocsin that dies at one step, as in a power cut.

Arguments: the step, its number of the time at which to die, then the command line.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from alembic.operations import Operations

import feeds.outgoing
import store.bundles
import store.copies
import store.engine
import store.renaming
import store.stories
import watcher.drain
import watcher.gather
from store import archive, outbox, schedule
from store.database import Database

STEPS: dict[str, tuple[Any, str, bool]] = {
    "source claimed": (Database, "claim_each", True),
    "before gathering": (watcher.gather.Gatherer, "gather", False),
    "after asking the store": (Database, "known_each", True),
    "before the commit": (Database, "commit_each", False),
    "entries written": (archive.Recorder, "entries", True),
    "matches written": (archive.Recorder, "matches", True),
    "deliveries written": (outbox, "owe", True),
    "schedule written": (schedule, "settle", True),
    "after the commit": (Database, "commit_each", True),
    "deliveries claimed": (Database, "claim_deliveries", True),
    "before the request": (feeds.outgoing.Outgoing, "post", False),
    "before the arrival is written": (Database, "settle", False),
    "while the arrival is written": (outbox, "_log", True),
    "after the arrival is written": (Database, "settle", True),
}
DIGEST_STEPS: dict[str, tuple[Any, str, bool]] = {
    "digest made": (store.bundles._Sorter, "_digest", True),
    "digest claimed": (Database, "claim_deliveries", True),
}
STORY_STEPS: dict[str, tuple[Any, str, bool]] = {
    "copy written": (archive.Recorder, "join", True),
    "copy silenced": (store.stories, "untold", True),
    "copy committed": (Database, "commit_each", True),
}
NAME_STEPS: dict[str, tuple[Any, str, bool]] = {
    "matches moved": (store.renaming, "_move", True),
    "rules committed": (Database, "sync_rules", True),
}
TABLE_STEPS: dict[str, tuple[Any, str, bool]] = {
    "store copied": (store.copies, "copy", True),
    "column added": (Operations, "add_column", True),
    "tables altered": (store.engine, "_upgrade", True),
    "tables committed": (Database, "open", True),
}
"""Each step: whose function it is, its name, and whether to die after it rather than before."""


def dies(function: Callable[..., Any], after: bool, times: int) -> Callable[..., Any]:
    """Return *function*, which ends the process at its call number *times*."""
    left = times

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        last = left == 0  # other threads count down meanwhile
        if last and not after:
            os._exit(137)
        result = function(*args, **kwargs)
        if last:
            os._exit(137)
        return result

    return wrapped


def main() -> None:
    """Set the trap and run the command."""
    step, times, *command = sys.argv[1:]
    owner, name, after = (STEPS | DIGEST_STEPS | STORY_STEPS | NAME_STEPS | TABLE_STEPS)[step]
    setattr(owner, name, dies(getattr(owner, name), after, int(times)))
    sys.argv = ["tocsin", *command]
    from watcher.cli import main as tocsin

    tocsin()


if __name__ == "__main__":
    main()
