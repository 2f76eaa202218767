"""Writes RSS 2.0 and Atom with feedgen: its only room.

feedgen 1.0.0 leaves some things out and gets some wrong; they are written
through its extension hooks, which hand over the tree of each element:

- an entry's links keep only their address (python-feedgen issues 135 and 143);
- every RSS date switches the locale of the whole process, so dates are ours;
- authors without an e-mail address are dropped from RSS: dc:creator names them;
- atom:source lacks its id and its instant;
- RSS takes one atom:link and no other, and there is no place for a style sheet.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feeds.items import Channel, Item

_ATOM = "http://www.w3.org/2005/Atom"
_HISTORY = "http://purl.org/syndication/history/1.0"
_DC = "http://purl.org/dc/elements/1.1/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TITLE = re.compile(rb"(?<=<title>)[^<]*")


def atom(channel: Channel) -> bytes:
    """Return *channel* as Atom 1.0 (RFC 4287): the same bytes for the same matches."""
    feed = _feed(channel, "atom")
    feed.updated(channel.updated)
    if channel.language:
        feed.language(channel.language)
    return _text(feed.atom_str, channel)


def rss(channel: Channel) -> bytes:
    """Return *channel* as RSS 2.0: the same bytes for the same matches."""
    feed = _feed(channel, "rss")
    # No setter takes None, and feedgen would stamp the present instant.
    vars(feed)["_FeedGenerator__rss_lastBuildDate"] = None
    if channel.language:
        feed.language(channel.language)
    # In a title, readers differ on `&lt;`; on `&#x3C;` they agree.
    return _TITLE.sub(_hexed, _text(feed.rss_str, channel))


def _text(render: Any, channel: Channel) -> bytes:
    """Return the document with its style sheet, for which feedgen has no place."""
    written: bytes = render(pretty=False, encoding="utf-8", xml_declaration=False)
    sheet = f'<?xml-stylesheet type="text/css" href="{channel.sheet}"?>\n'
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + sheet.encode() + written


def _hexed(title: re.Match[bytes]) -> bytes:
    return title[0].replace(b"&lt;", b"&#x3C;").replace(b"&amp;", b"&#x26;")


def _feed(channel: Channel, ending: str) -> FeedGenerator:
    feed = FeedGenerator()
    feed.id(channel.identity)
    feed.title(channel.title)
    feed.description(channel.description)
    feed.author(name=channel.publisher)
    feed.generator("tocsin")
    feed.docs("https://www.rssboard.org/rss-specification")
    itself = channel.address(channel.part, ending)
    feed.link(href=itself, rel="self", type=f"application/{ending}+xml")
    # RSS takes the last link as the feed's home.
    feed.link(href=channel.home, rel="alternate", type="text/html")
    feed.register_extension("ours", _Whole, _Part, atom=True, rss=True)
    feed.ours.channel = channel
    feed.ours.ending = ending
    for item in channel.items:
        _fill(feed.add_entry(order="append"), item)
    return feed


def _fill(entry: FeedEntry, item: Item) -> None:
    entry.id(item.id)
    entry.title(item.title)
    entry.updated(item.updated)
    entry.published(item.published)
    vars(entry)["_FeedEntry__rss_pubDate"] = None
    entry.content(item.html, type="html")
    for term, label in item.topics:
        entry.category(term=term, label=label)
    for name in item.authors or (item.source,):
        entry.author(name=name)
    entry.ours.item = item


class _Whole(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """Completes a feed's own elements."""

    channel: Channel
    ending: str

    def extend_ns(self) -> dict[str, str]:
        return {"dc": _DC, "fh": _HISTORY} if self.channel.part.until else {"dc": _DC}

    def extend_atom(self, feed: Any) -> Any:
        self._relate(feed, "link")
        return feed

    def extend_rss(self, feed: Any) -> Any:
        _add(feed[0], "lastBuildDate", _rfc822(self.channel.updated))
        self._relate(feed[0], f"{{{_ATOM}}}link")
        return feed

    def _relate(self, feed: Any, link: str) -> None:
        """Add links to hubs (WebSub) and archives (RFC 5005, section 4)."""
        channel = self.channel
        parts = {
            "current": channel.part.live if channel.part.until else None,
            "prev-archive": channel.previous,
            "next-archive": channel.following,
        }
        for rel, part in parts.items():
            if part:
                kind = f"application/{self.ending}+xml"
                _add(feed, link, rel=rel, href=channel.address(part, self.ending), type=kind)
        for hub in channel.hubs:
            _add(feed, link, rel="hub", href=hub)
        if channel.part.until:
            _add(feed, f"{{{_HISTORY}}}archive")


class _Part(BaseEntryExtension):  # type: ignore[misc]  # feedgen has no types
    """Completes an entry's elements."""

    item: Item

    def extend_atom(self, entry: Any) -> Any:
        item = self.item
        add = partial(_add, entry)
        if item.language:
            entry.set(_XML_LANG, item.language)
        add("link", href=item.link, rel="alternate", type="text/html")
        if item.page != item.link:
            add("link", href=item.page, rel="related", type="text/html")
        source = add("source")
        _add(source, "id", item.source_page)
        _add(source, "title", item.source)
        _add(source, "updated", item.updated.isoformat())
        _add(source, "link", href=item.source_page, rel="alternate", type="text/html")
        return entry

    def extend_rss(self, entry: Any) -> Any:
        item = self.item
        _add(entry, "link", item.link)
        _add(entry, "pubDate", _rfc822(item.published))
        for name in item.authors:
            _add(entry, f"{{{_DC}}}creator", name)
        _add(entry, "source", item.source, url=item.source_page)
        return entry


def _add(parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
    element = etree.SubElement(parent, name, **attributes)
    element.text = text
    return element


def _rfc822(instant: datetime) -> str:
    return format_datetime(instant)
