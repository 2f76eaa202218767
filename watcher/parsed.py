"""Keeps parsed rules in a desk's data folder, so that a start does not parse them again."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_FORGOTTEN_AFTER = 30 * 86_400
"""Seconds after which a file that no start wanted is removed."""


class ParsedRules:
    """A folder of packed rules, by their keys; what it cannot read or write is parsed again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        """Return what was put under *key*, if it is still there."""
        path = self._folder / key
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep *data* under *key*, whole or not at all."""
        fresh = self._folder / f".{key}.{os.getpid()}"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(data)
            fresh.replace(self._folder / key)

    def tidy(self) -> None:
        """Remove what no start wanted for a month."""
        oldest = time.time() - _FORGOTTEN_AFTER
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink()
