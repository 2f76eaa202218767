"""Reads what people write after --since: a length of time back from now, a day or an instant."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic_core import PydanticCustomError

from watcher.commands.errors import UsageError
from watcher.models import duration


def since(written: str, now: datetime) -> datetime:
    """Return the instant that *written* means; a day begins at midnight UTC.

    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> since("2h", noon).isoformat(), since("2026-11-20", noon).isoformat()
    ('2026-11-24T10:00:00+00:00', '2026-11-20T00:00:00+00:00')
    """
    try:
        return now - duration(written)
    except (PydanticCustomError, OverflowError):
        pass
    try:
        instant = datetime.fromisoformat(written.strip())
    except ValueError as error:
        hint = "write 2h, 7d, 2026-11-24 or 2026-11-24T12:00:00Z"
        raise UsageError(f"--since {written}: no length of time and no date; {hint}") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
