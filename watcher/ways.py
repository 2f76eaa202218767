"""What a good poll tells of a source's ways: moved, emptied, overrun, not to be trusted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from store import Known, Moved, Seen, Source
from store.condition import SHORTEST_SILENCE
from watcher.gather import Gathered
from watcher.pace import gaps

_WINDOW = 3
"""A feed that shows fewer entries is replaced whole each time it has news."""

_MANY = 10
"""So many entries tell a rhythm, however close together they are."""


def seen_of(source: Source, gathered: Gathered, known: Mapping[str, Known], now: datetime) -> Seen:
    """Return what this poll saw of *source*, with what is *known* of the entries that it shows."""
    moved = _moved(source, gathered.moved_to, now)
    if not gathered.changed:
        return Seen(
            read=False, moved=moved, whole=gathered.whole, wishes=source.wishes, gap=source.gap
        )
    entries = gathered.entries
    had_some = source.entries > 0 and source.succeeded_at is not None
    is_feed = source.spec.kind == "feed" or bool(source.spec.links)
    edited = any(entry.key not in known for entry in entries)
    usual, longest = gaps(entries)
    dates = [entry.dated for entry in entries if entry.dated]
    return Seen(
        moved=moved,
        whole=gathered.whole,
        distrusted=gathered.whole and gathered.same and edited and had_some,
        wishes=gathered.wishes,
        empty=is_feed and not entries,
        overrun=is_feed and had_some and len(entries) >= _WINDOW and not known,
        rhythm=longest and _rhythm(source, dates, longest),
        gap=usual if usual is not None else source.gap,
        hub=gathered.hub if "://" in source.spec.address and not source.spec.links else None,
    )


def _rhythm(source: Source, dates: Sequence[datetime], longest: timedelta) -> timedelta:
    """Return the longest gap, for more than it is where a few entries of few days say little."""
    known_for = max(dates) - min(*dates, source.added_at)
    if len(dates) >= _MANY or known_for >= SHORTEST_SILENCE:
        return longest
    return max(longest, SHORTEST_SILENCE)


def _moved(source: Source, moved_to: str, now: datetime) -> Moved | None:
    if not moved_to:
        return None
    before = source.moved
    if before is None or before.address != moved_to:
        return Moved(address=moved_to, since=now)
    return Moved(address=moved_to, since=before.since, polls=before.polls + 1)
