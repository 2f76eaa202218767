"""What is to be said of a source now: whether it is read, and what about it wants a look. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from store.nouns import Source

State = Literal[
    "off", "gone", "failing", "empty", "silent", "overrun", "moved", "slow", "inbox", "new", "well"
]

EMPTY_AFTER = 2
"""From so many polls in a row on, an empty feed that once had entries is in trouble."""

SHORTEST_SILENCE = timedelta(days=3)
SILENT_AFTER = 3
"""A source is silent after so many times the longest gap between its latest entries."""

OVERRUN_SHOWN = timedelta(days=2)
SLOW = timedelta(seconds=10)
MOVED_POLLS = 3
MOVED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Condition:
    """A source's state in a word, and in words for a person; *troubled* wants a look."""

    state: State
    words: str
    troubled: bool = False

    def __str__(self) -> str:
        """Return the state with its reason."""
        return f"{self.state}: {self.words}" if self.words else self.state


def condition(source: Source, now: datetime) -> Condition:
    """Return what is to be said of *source*, the worst first."""
    if not source.spec.enabled:
        return Condition("off", "")
    if source.gone:
        return Condition("gone", source.error, troubled=True)
    if source.error:
        times = f" ({source.failures} times in a row)" if source.failures > 1 else ""
        return Condition("failing", f"{source.error}{times}", troubled=True)
    if source.spec.kind == "inbox":
        return Condition("inbox", "takes what is handed in")
    if source.polled_at is None:
        return Condition("new", "not read yet")
    return _of_read(source, now)


def _of_read(source: Source, now: datetime) -> Condition:
    if source.empty_polls >= EMPTY_AFTER and source.entries:
        times = source.empty_polls
        return Condition(
            "empty", f"it showed nothing {times} times in a row; look at it", troubled=True
        )
    if source.overrun_at and now - source.overrun_at < OVERRUN_SHOWN:
        words = "everything it showed was new: articles may have been missed; set a shorter `every`"
        return Condition("overrun", words, troubled=True)
    if (quiet := silence(source, now)) is not None:
        words = f"nothing new for {quiet.days} days, against its own rhythm; look at it"
        return Condition("silent", words, troubled=True)
    if moved_address(source, now):
        words = f"read at {moved_address(source, now)}, where it leads for good; note that address"
        return Condition("moved", words)
    if source.took and source.took >= SLOW:
        return Condition("slow", f"its last answer took {source.took.total_seconds():.0f} s")
    return Condition("well", "")


def silence(source: Source, now: datetime) -> timedelta | None:
    """Return for how long the source has brought nothing, if that is longer than its rhythm allows."""
    if source.newest_at is None or source.rhythm is None:
        return None
    quiet = now - source.newest_at
    return quiet if quiet > max(SILENT_AFTER * source.rhythm, SHORTEST_SILENCE) else None


def moved_address(source: Source, now: datetime) -> str:
    """Return the address that a source's own led to permanently, long enough to be believed; or ""."""
    moved = source.moved
    if moved is None or moved.polls < MOVED_POLLS or now - moved.since < MOVED_FOR:
        return ""
    return moved.address


def is_polled(source: Source) -> bool:
    """Tell whether the source is read at times."""
    return source.spec.enabled and not source.gone and source.spec.kind != "inbox"
