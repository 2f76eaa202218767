"""Notices edits to the desk's files, with watchfiles: its only room."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import awatch

QUIET_MS = 200
"""How long a burst of changes must be over: editors write a file in several steps."""


def changes(folder: Path, ignored: Path, stop: asyncio.Event) -> AsyncIterator[set[Path]]:
    """Yield the paths that changed in *folder*, burst by burst, until *stop* is set.

    What lies in *ignored* (the store writes there all the time) is left out.
    """
    return _bursts(os.path.realpath(folder), os.path.realpath(ignored), stop)


async def _bursts(folder: str, ignored: str, stop: asyncio.Event) -> AsyncIterator[set[Path]]:
    def wanted(_: object, path: str) -> bool:
        return not (path == ignored or path.startswith(f"{ignored}/"))

    async for burst in awatch(
        folder, watch_filter=wanted, debounce=1600, step=QUIET_MS, stop_event=stop
    ):
        yield {Path(path) for _, path in burst}
