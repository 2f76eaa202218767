"""Decides when a delivery may leave: alone at once, or later in a summary. Pure.

One idea serves digests, quiet hours, limits and silences. A delivery is due
alone, or it waits in a bundle that closes at an instant; what an endpoint asks
for only decides at which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Why = Literal["digest", "quiet", "at_most", "silence"]
"""What makes a delivery wait."""

AT_ONCE = ("endpoint.test", "heartbeat")
"""Events that wait for nothing: they tell whether the line is open now."""

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """All that is new goes out together: every day *at* a time of *zone*, or every full hour (UTC).

    *empty* asks for one even where nothing is new.
    """

    at: time | None = None
    zone: str = "UTC"
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Nothing goes out between two times of *zone*; the end may lie on the next day."""

    start: time
    end: time
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """No more than *count* go out in any span of *per*; the rest waits for a summary."""

    count: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an endpoint asks for about when it is told."""

    digest: Digest | None = None
    quiet: Quiet | None = None
    at_most: Limit | None = None


AT_WILL = Holding()
"""An endpoint that is told of everything at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A delivery is not to leave before *until*."""

    until: datetime
    why: Why


def wait(
    holding: Holding,
    now: datetime,
    *,
    recent: Sequence[datetime] = (),
    silenced: datetime | None = None,
) -> Wait | None:
    """Return for how long a new delivery waits, and why; None where it leaves alone at *now*.

    *recent* is when the endpoint's last deliveries left, in order. *silenced* is
    when the last silence on it ends.
    """
    if silenced is not None and now < silenced:
        return Wait(until=_opening(holding, silenced), why="silence")
    if holding.digest is not None:
        return Wait(until=_past_quiet(holding, next_digest(holding.digest, now)), why="digest")
    return closed(holding, now, recent=recent)


def closed(holding: Holding, now: datetime, *, recent: Sequence[datetime] = ()) -> Wait | None:
    """Return for how long not even a summary may leave; None where it may at *now*."""
    if holding.quiet is not None and (until := quiet_until(holding.quiet, now)):
        return Wait(until=until, why="quiet")
    limit = holding.at_most
    within = [instant for instant in recent if limit and now - limit.per < instant <= now]
    if limit is not None and len(within) >= limit.count:
        return Wait(
            until=_past_quiet(holding, within[-limit.count] + limit.per),
            why="at_most",
        )
    return None


def next_digest(digest: Digest, now: datetime) -> datetime:
    """Return the first instant after *now* at which a digest is due.

    >>> next_digest(Digest(at=time(7), zone="America/Lima"), datetime(2026, 11, 24, 12, tzinfo=UTC))
    datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.timezone.utc)
    """
    if digest.at is None:
        whole = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return whole + _HOUR
    zone = ZoneInfo(digest.zone)
    day = now.astimezone(zone).date()
    instants = (_instant(day + _DAY * ahead, digest.at, zone) for ahead in range(3))
    return next(instant for instant in instants if instant > now)


def quiet_until(quiet: Quiet, now: datetime) -> datetime | None:
    """Return when the quiet hours that *now* lies in end, or None where it lies in none."""
    zone = ZoneInfo(quiet.zone)
    today = now.astimezone(zone).date()
    for day in (today - _DAY, today):
        last = day if quiet.start < quiet.end else day + _DAY
        start, end = _instant(day, quiet.start, zone), _instant(last, quiet.end, zone)
        if start <= now < end:
            return end
    return None


def _opening(holding: Holding, instant: datetime) -> datetime:
    """Return when what waits until *instant* can be summarised: then, or with the next digest."""
    if holding.digest is not None:
        instant = next_digest(holding.digest, instant - timedelta(microseconds=1))
    return _past_quiet(holding, instant)


def _past_quiet(holding: Holding, instant: datetime) -> datetime:
    return (holding.quiet and quiet_until(holding.quiet, instant)) or instant


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when it is *at* on that day in *zone*.

    A time that comes twice, when clocks are set back, is its first; one that is
    left out, when they are set forward, is the instant of that.
    """
    local = datetime.combine(day, at, zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    before = (
        instant
        - (local.replace(fold=1).utcoffset() or timedelta())
        + (local.utcoffset() or timedelta())
    )
    return _set_forward(before, instant, zone)


def _set_forward(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the whole second between two instants at which the clocks of *zone* are set."""
    old = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
