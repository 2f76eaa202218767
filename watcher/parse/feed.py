"""Reads RSS, Atom and RDF with feedparser: its only room."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import feedparser

from rules import Entry
from store import Hub, Wishes
from watcher.links import key_of
from watcher.parse.document import Document, Parsed, ParseError
from watcher.parse.fields import absolute, instant, shown, shown_title, texts, told_apart
from watcher.parse.page import is_page

MOST_ENTRIES = 5_000
_XML = "application/xml"
_HEAD = 64 * 1024
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_FEED_ROOT = re.compile(rb"<(?:\w+:)?(?:rss|feed|RDF|channel)\b")


def parse_feed(document: Document) -> Parsed:
    """Return the entries of a feed, at most 5,000, in the feed's own order, and its wishes.

    Raise ParseError where the document is no feed. A feed with mistakes is
    read as far as feedparser can.
    """
    if document.body.startswith(b"\x1f\x8b"):
        raise ParseError("the answer is a gzip file, not a feed; give the feed's own address")
    if is_page(document) and not _FEED_ROOT.search(document.body[:4096]):
        raise ParseError(
            "the answer is a web page, not a feed; look for its feed, or use kind: page"
        )
    read = feedparser.parse(
        io.BytesIO(document.body),  # never the bytes themselves: it would open them as a file name
        # Without a content-location: it would resolve guids against it, and these are no links.
        response_headers={"content-type": _xml_type(document.content_type)},
        sanitize_html=False,  # what we keep is visible text
        resolve_relative_uris=False,
    )
    if not read.version and not read.entries:
        raise ParseError(f"the answer is not a feed{_reason(read)}")
    if not read.entries and read.bozo and "SAX" in type(read.get("bozo_exception")).__name__:
        raise ParseError(f"the feed is broken before its first entry{_reason(read)}")
    lang = str(read.feed.get("language") or "")
    entries = [_entry(item, document, lang) for item in read.entries[:MOST_ENTRIES]]
    return Parsed(
        entries=told_apart(entries),
        title=shown_title(read.feed.get("title")),
        wishes=_wishes(read.feed, document.body),
        hub=_hub(read.feed.get("links", ()), document),
    )


def _hub(links: Iterable[Any], document: Document) -> Hub | None:
    """Return the hub that the feed's own links name, and what it calls itself."""
    named = {link.get("rel"): link.get("href") for link in reversed(list(links))}
    address = absolute(document.address, named.get("hub"))
    topic = absolute(document.address, named.get("self")) or document.address
    return Hub(address=address, topic=topic) if address else None


def _wishes(feed: Any, body: bytes) -> Wishes:
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
        interval=max(_minutes(feed.get("ttl")), _period(feed)),
        # Who leaves out every hour or every day does not mean it.
        skip_hours=tuple(sorted(hours)) if len(hours) < 24 else (),
        skip_days=skipped_days if len(skipped_days) < 7 else (),
    )


def _listed(body: bytes, group: bytes, item: bytes) -> list[bytes]:
    found = re.search(rb"<%b>(.*?)</%b>" % (group, group), body, re.DOTALL | re.IGNORECASE)
    pattern = rb"<%b>\s*([^<]*?)\s*</%b>" % (item, item)
    return re.findall(pattern, found[1], re.IGNORECASE) if found else []


def _minutes(written: object) -> timedelta:
    text = str(written or "").strip()
    return timedelta(minutes=int(text[:6])) if text.isdecimal() else timedelta()


def _period(feed: Any) -> timedelta:
    period = _PERIODS.get(str(feed.get("sy_updateperiod") or "").strip().casefold())
    times = str(feed.get("sy_updatefrequency") or "1").strip()
    if period is None or not times.isdecimal():
        return timedelta()
    return period / max(int(times[:6]), 1)


def _xml_type(content_type: str) -> str:
    """Return a type by which feedparser reads XML: a wrong one would cost the encoding."""
    return content_type if "xml" in content_type.lower() else _XML


def _reason(read: Any) -> str:
    error = read.get("bozo_exception")
    message = getattr(error, "getMessage", lambda: str(error or ""))()
    line = getattr(error, "getLineNumber", lambda: None)()
    if not message:
        return ""
    return f" (line {line}: {message})" if line else f" ({message})"


def _entry(item: Any, document: Document, lang: str) -> Entry:
    base = absolute(document.address, item.get("title_detail", {}).get("base")) or document.address
    link = absolute(base, item.get("link") or _first_link(item.get("links", ())))
    contents = item.get("content") or ()
    summary, text = texts(
        shown(item.get("summary")),
        shown(max((c.get("value", "") for c in contents), key=len, default="")),
    )
    entry = Entry(
        key="",
        url=link,
        title=shown_title(item.get("title")),
        summary=summary,
        text=text,
        authors=_authors(item),
        tags=_tags(item.get("tags", ())),
        lang=_lang(item, lang),
        published=instant(item.get("published_parsed") or item.get("created_parsed")),
        # Plain `dict.get`: feedparser's own would give the date of publication in its place.
        updated=instant(dict.get(item, "updated_parsed")),
    )
    return replace(entry, key=key_of(str(item.get("id") or ""), link, entry))


def _first_link(links: Iterable[Any]) -> str | None:
    return next((link.get("href") for link in links if link.get("rel") == "alternate"), None)


def _authors(item: Any) -> tuple[str, ...]:
    names = [shown_title(author.get("name")) for author in item.get("authors", ())]
    return tuple(dict.fromkeys(filter(None, names or [shown_title(item.get("author"))])))


def _tags(tags: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (shown_title(tag.get("term")) for tag in tags))))


def _lang(item: Any, lang: str) -> str:
    for part in ("title_detail", "summary_detail"):
        if own := item.get(part, {}).get("language"):
            return str(own)
    return lang
