"""The file in which a signing secret is kept: the one in force, and those that are on their way out.

The first line is the secret. Each further line is an older one and when it ends:
`whsec_… until 2026-11-26T03:00:00Z`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from feeds.signing import check_secret

_UNTIL = " until "


class SecretFileError(ValueError):
    """A line of the file cannot be used; the reason does not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The secret in force, and older ones that sign beside it until their instants."""

    current: str = field(repr=False)
    older: tuple[tuple[str, datetime], ...] = field(default=(), repr=False)

    def rotated(self, new: str, now: datetime, until: datetime) -> Keys:
        """Return the keys with *new* in force, and the present one beside it until then."""
        kept = [(key, end) for key, end in self.older if end > now]
        older = [(self.current, until), *kept] if until > now else kept
        return Keys(current=new, older=tuple(older))

    def written(self) -> str:
        """Return the file's text."""
        lines = [self.current, *(f"{key}{_UNTIL}{_shown(end)}" for key, end in self.older)]
        return "\n".join(lines) + "\n"


def parsed(text: str) -> Keys:
    """Return the keys in a file's text; raise SecretFileError."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise SecretFileError("it is empty")
    current, *rest = lines
    if reason := check_secret(current):
        raise SecretFileError(reason)
    return Keys(current=current, older=tuple(_older(rest)))


def _older(lines: Sequence[str]) -> list[tuple[str, datetime]]:
    older = []
    for number, line in enumerate(lines, start=2):
        key, said, end = line.partition(_UNTIL)
        try:
            instant = datetime.fromisoformat(end.strip())
        except ValueError:
            said = ""
        if not said or check_secret(key):
            raise SecretFileError(
                f"its line {number} is no older secret (whsec_… until 2026-11-26T03:00:00Z)"
            )
        older.append((key, instant if instant.tzinfo else instant.replace(tzinfo=UTC)))
    return older


def replace_file(path: Path, keys: Keys) -> None:
    """Write *keys* in place of the file, whole or not at all, for the same readers; raise OSError."""
    real = path.resolve()
    was = real.stat()
    new = real.with_name(f".{real.name}.new")
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(keys.written())
            file.flush()
            os.fsync(file.fileno())
        if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, was.st_uid, was.st_gid)
        new.chmod(was.st_mode & 0o777)
        new.replace(real)
    except BaseException:
        with suppress(FileNotFoundError):
            new.unlink()
        raise


def _shown(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
