"""Where each document of a feed stands: its live end, and the archives behind it (RFC 5005, 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qs

LIVE = 100
"""How many matches a feed holds at most; its archives have the rest."""

_FORM = re.compile(
    r"feeds/(?P<name>[a-z0-9-]+)"
    r"(/((?P<month>\d{4}-\d{2})|until-(?P<until>\d{8}T\d{12}Z)))?"
    r"\.(?P<ending>[a-z]+)"
)
_UNTIL = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A document of the feed *name*.

    Without *until* it is the live end, with the *most* matches that changed
    last. Else it is an archive: what was found from *since* on and before
    *until*, both in one month of UTC. What was found in the past stays the
    same for ever, so an archive always holds the same matches.
    """

    name: str
    most: int = LIVE
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def month(cls, name: str, at: datetime) -> Part:
        """Return the archive of the month in which *at* lies."""
        since = _month(at)
        return cls(name=name, since=since, until=_next(since))

    @classmethod
    def before(cls, name: str, until: datetime) -> Part:
        """Return the archive of what was found before *until* in its month."""
        since = _month(until - timedelta(microseconds=1))
        return cls(name=name, since=since, until=until)

    @property
    def is_month(self) -> bool:
        """Tell whether it is the archive of a whole month."""
        return self.since is not None and self.until == _next(self.since)

    @property
    def live(self) -> Part:
        """Return the live end of the same feed."""
        return Part(name=self.name)

    def path(self, ending: str) -> str:
        """Return its place below the site's address in the format *ending*.

        >>> Part.month("peru", datetime(2026, 10, 3, tzinfo=UTC)).path("atom")
        'feeds/peru/2026-10.atom'
        """
        if self.since is None or self.until is None:
            asked = "" if self.most == LIVE else f"?n={self.most}"
            return f"feeds/{self.name}.{ending}{asked}"
        if self.is_month:
            return f"feeds/{self.name}/{self.since:%Y-%m}.{ending}"
        return f"feeds/{self.name}/until-{self.until.strftime(_UNTIL)}.{ending}"


@lru_cache(maxsize=1024)
def wish(query: bytes) -> str:
    """Return what of a query counts: `n`, how many matches a reader wants at most, or "".

    >>> wish(b"utm_source=x&n=5"), wish(b"n=100000")
    ('n=5', '')
    """
    if b"n=" not in query:
        return ""
    given = parse_qs(query.decode("latin-1")[:1000]).get("n", [""])[-1]
    if not (given.isdecimal() and given.isascii()):
        return ""
    most = min(max(int(given[:9]), 1), LIVE)
    return "" if most == LIVE else f"n={most}"


def part_at(path: str, wished: str = "") -> tuple[Part, str] | None:
    """Return the part and the ending that *path* names; None where it is no place of a feed's.

    *wished* is what `wish` made of the query; archives are always whole.
    """
    found = _FORM.fullmatch(path.removeprefix("/"))
    if found is None:
        return None
    try:
        part = _part(found)
    except (ValueError, OverflowError):
        return None
    if wished and part.until is None:
        part = replace(part, most=int(wished.removeprefix("n=")))
    return part, found["ending"]


def _part(found: re.Match[str]) -> Part:
    name = found["name"]
    if found["month"]:
        return Part.month(name, datetime.strptime(found["month"], "%Y-%m").replace(tzinfo=UTC))
    if found["until"]:
        return Part.before(name, datetime.strptime(found["until"], _UNTIL).replace(tzinfo=UTC))
    return Part(name=name)


def months(first: datetime, last: datetime) -> tuple[datetime, ...]:
    """Return the beginning of each month from that of *first* to that of *last*, the last first."""
    found, month = [], _month(first)
    while month <= last:
        found.append(month)
        month = _next(month)
    return tuple(reversed(found))


def _month(at: datetime) -> datetime:
    return datetime(at.year, at.month, 1, tzinfo=UTC)


def _next(month: datetime) -> datetime:
    return _month(month + timedelta(days=31))
