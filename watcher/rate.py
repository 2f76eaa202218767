"""How fast something may go: never more than so many a second, whatever second one looks at."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta


class Rate:
    """Gives out turns, *per_second* of them in any second; fewer than one a second come evenly.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> rate = Rate(2)
    >>> [str(rate.take(noon) - noon) for _ in range(5)]
    ['0:00:00', '0:00:00', '0:00:01', '0:00:01', '0:00:02']
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        at_once = max(1, int(per_second))
        self._window = timedelta(seconds=at_once / per_second)
        self._taken: deque[datetime] = deque(maxlen=at_once)

    def next(self, now: datetime) -> datetime:
        """Return when the next turn is."""
        taken = self._taken
        if taken and not timedelta() <= now - taken[-1] + self._window * 10:
            taken.clear()  # the clock was set back; what was taken lies in no future
        if len(taken) < (taken.maxlen or 1):
            return now
        return max(now, taken[0] + self._window)

    def take(self, now: datetime) -> datetime:
        """Take the next turn, and return when it is."""
        at = self.next(now)
        self._taken.append(at)
        return at
