"""Tells what was found on which day: the last days, and each month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from feeds.address import Part, months
from feeds.catalogue import Catalogue
from feeds.pages import LAST_DAYS, MOST_LINES, Pages
from store.database import Database


class Timeline:
    """The pages that show the matches of *catalogue* by day, as the store has them at *now*."""

    def __init__(
        self, database: Database, catalogue: Catalogue, now: datetime, *, static: bool = False
    ) -> None:
        self._database = database
        self._rules = catalogue.feeds["all"].rules
        self._now = now
        self._pages = Pages(catalogue, static=static)
        first = database.first_match(self._rules)
        self._months = months(first, now) if first else ()

    def last_days(self) -> str:
        """Return the page of the last thirty days."""
        since = (self._now - timedelta(days=LAST_DAYS)).replace(hour=0, minute=0, second=0)
        until = self._now + timedelta(days=1)  # where a clock ran ahead, too
        lines = self._database.headlines(self._rules, since, until, MOST_LINES)
        return self._pages.timeline(lines, self._months)

    def month(self, name: str) -> str | None:
        """Return the page of a month, "2026-11"; None where nothing was found by then."""
        found = [month for month in self._months if f"{month:%Y-%m}" == name]
        return self._page(found[0]) if found else None

    def every_month(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the page of each month."""
        for month in self._months:
            yield f"{month:%Y-%m}", self._page(month)

    def _page(self, month: datetime) -> str:
        part = Part.month("all", month)
        until = part.until or self._now
        lines = self._database.headlines(self._rules, month, until, MOST_LINES)
        return self._pages.timeline(lines, self._months, month)
