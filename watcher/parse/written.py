"""An entry as its feed wrote it, and the entry that readers and rules see of that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import struct_time

from rules import Entry
from store import Hub, Wishes
from watcher.links import item_key
from watcher.parse.document import Document, Parsed
from watcher.parse.fields import absolute, instant, shown, shown_title, texts, told_apart

MOST_ENTRIES = 5_000
_HEAD = 64 * 1024
_ADDRESS = re.compile(r"\s*(?:[a-zA-Z]+:)?/")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}


@dataclass(slots=True, kw_only=True)
class Item:
    """What a feed says of one entry; texts may be markup, links relative, anything missing.

    *base* is the address that *link* is relative to where that is not the feed's own,
    *outlet* the name of the feed that it was taken from.
    """

    id: str = ""
    link: str | None = None
    base: str | None = None
    title: str | None = None
    summary: str | None = None
    contents: Sequence[str] = ()
    authors: Sequence[str | None] = ()
    tags: Sequence[str | None] = ()
    lang: str = ""
    published: struct_time | None = None
    updated: struct_time | None = None
    outlet: str | None = None


@dataclass(slots=True, kw_only=True)
class Written:
    """What a feed says of itself: *links* are pairs of relation and address, the first counts."""

    items: Sequence[Item] = ()
    title: str | None = None
    links: Sequence[tuple[str | None, str | None]] = ()
    ttl: str = ""
    period: str = ""
    frequency: str = field(default="1")


def parsed(written: Written, document: Document) -> Parsed:
    """Return what a feed *written* so says, at most 5,000 entries."""
    items = written.items[:MOST_ENTRIES]
    return Parsed(
        entries=told_apart([_entry(item, document) for item in items]),
        title=shown_title(written.title),
        wishes=_wishes(written, document.body),
        hub=_hub(written.links, document),
    )


def _entry(item: Item, document: Document) -> Entry:
    base = absolute(document.address, item.base) or document.address
    # A guid that is no address is none either where feedparser gives it as the link.
    is_guid = item.link == item.id and not _ADDRESS.match(item.id)
    link = "" if is_guid else absolute(base, item.link)
    summary, text = texts(shown(item.summary), _whole(item.contents))
    entry = Entry(
        key="",
        url=link,
        title=shown_title(item.title),
        summary=summary,
        text=text,
        authors=_names(item.authors),
        tags=_names(item.tags),
        lang=item.lang,
        published=instant(item.published),
        updated=instant(item.updated),
        outlet=shown_title(item.outlet),
    )
    return replace(entry, key=item_key(item.id, link, entry))


def _whole(contents: Sequence[str]) -> str:
    """Return the text of *contents*: the longest, and of others what has more words."""
    whole, words = "", set[str]()
    for text in sorted(map(shown, contents), key=len, reverse=True):
        if more := set(text.split()) - words:
            words |= more
            whole = f"{whole}\n{text}".lstrip("\n")
    return whole


def _names(written: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(shown_title, written))))


def _hub(links: Sequence[tuple[str | None, str | None]], document: Document) -> Hub | None:
    """Return the hub that the feed's own links name, and what it calls itself."""
    named = dict(reversed(links))
    address = absolute(document.address, named.get("hub"))
    topic = absolute(document.address, named.get("self")) or document.address
    return Hub(address=address, topic=topic) if address else None


def _wishes(feed: Written, body: bytes) -> Wishes:
    """Return when the feed asks not to be read: `ttl`, `sy:*`, `skipHours` and `skipDays`.

    feedparser keeps one of several hours or days alone: they are read from the bytes.
    """
    lead = body[:_HEAD]
    hours = {int(hour) % 24 for hour in _listed(lead, b"skipHours", b"hour") if hour.isdigit()}
    days = {
        day.decode("latin-1").strip().casefold()[:3] for day in _listed(lead, b"skipDays", b"day")
    }
    skipped_days = tuple(number for number, name in enumerate(_DAYS) if name in days)
    return Wishes(
        interval=max(_minutes(feed.ttl), _period(feed)),
        # Who leaves out every hour or every day does not mean it.
        skip_hours=tuple(sorted(hours)) if len(hours) < 24 else (),
        skip_days=skipped_days if len(skipped_days) < 7 else (),
    )


def _listed(body: bytes, group: bytes, item: bytes) -> list[bytes]:
    found = re.search(rb"<%b>(.*?)</%b>" % (group, group), body, re.DOTALL | re.IGNORECASE)
    pattern = rb"<%b>\s*([^<]*?)\s*</%b>" % (item, item)
    return re.findall(pattern, found[1], re.IGNORECASE) if found else []


def _minutes(written: str) -> timedelta:
    text = written.strip()
    return timedelta(minutes=int(text[:6])) if text.isdecimal() else timedelta()


def _period(feed: Written) -> timedelta:
    period = _PERIODS.get(feed.period.strip().casefold())
    times = feed.frequency.strip()
    if period is None or not times.isdecimal():
        return timedelta()
    return period / max(int(times[:6]), 1)
