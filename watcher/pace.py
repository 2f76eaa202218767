"""When to look at a source again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from rules import Entry
from store import Source, Wishes

LOCAL = timedelta(minutes=1)
"""Local files are watched; this is the safety net where watching does not work."""

LONGEST_LOCAL = timedelta(minutes=10)
"""A folder that is missing troubles no server: it is looked for often."""

_USUAL = timedelta(minutes=30)
_LATEST = 12
_RHYTHM = 4
"""With so many gaps between entries, their longest tells a source's rhythm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The bounds of the polling interval."""

    min: timedelta
    max: timedelta


def interval(source: Source, gap: timedelta | None, pace: Pace, least: timedelta) -> timedelta:
    """Return how long to wait after a good poll: half the usual *gap* between the latest entries.

    A source's own `every` wins; without dates it is half an hour, within the
    bounds. *least* is what feed or server asked for: it only lengthens, up to the
    upper bound.
    """
    spec = source.spec
    if spec.every is not None:
        return spec.every
    if "://" not in spec.address:
        return LOCAL
    return _within(max(gap / 2 if gap is not None else _USUAL, least), pace)


def gaps(entries: Sequence[Entry]) -> tuple[timedelta | None, timedelta | None]:
    """Return the usual and the longest gap between the latest entries; None where dates are missing."""
    dates = sorted((entry.dated for entry in entries if entry.dated), reverse=True)
    found = sorted(later - earlier for later, earlier in pairwise(dates))
    latest = sorted(later - earlier for later, earlier in pairwise(dates[:_LATEST]))
    usual = latest[len(latest) // 2] if latest else None
    return usual, found[-1] if len(found) >= _RHYTHM else None


def allowed(at: datetime, wishes: Wishes) -> datetime:
    """Return *at*, or the beginning of the first hour after it that the feed does not leave out."""
    for _ in range(7 * 24):
        if at.hour not in wishes.skip_hours and at.weekday() not in wishes.skip_days:
            return at
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return at


def after_failure(source: Source, pace: Pace, wait: timedelta | None) -> timedelta:
    """Return how long to wait after a failed poll: doubling with each in a row, up to the longest.

    *wait* is what the server asked for; it only lengthens.
    """
    is_local = "://" not in source.spec.address
    usual = source.spec.every or (LOCAL if is_local else pace.min)
    longest = max(LONGEST_LOCAL if is_local else pace.max, usual)
    doubled = usual * (1 << min(source.failures, 20))
    return max(min(doubled, longest), wait or timedelta())


def spread(at: datetime, gap: timedelta, chance: float) -> datetime:
    """Return the instant *gap* after *at*, later by up to a tenth of it: *chance* is in [0, 1).

    So a thousand sources added in one minute are not asked in one minute for ever.
    """
    return at + gap * (1 + chance / 10)


def _within(gap: timedelta, pace: Pace) -> timedelta:
    return max(pace.min, min(gap, pace.max))
