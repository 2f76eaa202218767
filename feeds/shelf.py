"""Keeps each document's bytes as long as they are right: rendered, hashed and compressed once a change."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from feeds.address import Part, part_at
from feeds.bulletin import bulletin
from feeds.catalogue import HEALTH, Catalogue
from feeds.document import Document
from feeds.items import Channel, KeptItems, channel, previous
from feeds.jsonfeed import json_feed
from feeds.opml import opml_of
from feeds.pages import stylesheet
from feeds.render import atom, rss
from store import Feed, Span
from store.database import Database, StoreError

RENDERERS: Mapping[str, tuple[Callable[[Channel], bytes], str]] = {
    "rss": (rss, "application/rss+xml; charset=utf-8"),
    "atom": (atom, "application/atom+xml; charset=utf-8"),
    "json": (json_feed, "application/feed+json"),
}
"""Each format by its ending: what writes it, and its media type."""

MOST_ARCHIVED = 500
"""How many matches an archive holds at most; those before them stand in the next."""


def topics(catalogue: Catalogue) -> Mapping[str, tuple[str, ...]]:
    """Return the rules of every feed in every format, by its address below the base URL.

    A feed that was renamed has its former addresses, too.
    """
    rules = {feed.name: feed.rules for feed in catalogue.feeds.values()}
    rules |= {name: (rule,) for name, rule in catalogue.former.items()}
    return {
        Part(name=name).path(ending): asked for name, asked in rules.items() for ending in RENDERERS
    }


def present(catalogue: Catalogue, topic: str) -> str:
    """Return the address, below the base URL, that the feed once at *topic* has now."""
    asked = part_at(f"/{topic}", "")
    new = catalogue.moved(asked[0].name) if asked else ""
    return Part(name=new).path(asked[1]) if asked and new else topic


_TRUSTED = 0.25
"""Seconds for which what other processes write may go unseen."""

_MANY = 50
_MOMENT = 1.0
_BETWEEN = 0.1
"""A document that was asked for fifty times within a second is in demand: while the next rendering
is made, a tenth of a second after the last at the earliest, the last one is good enough."""

_MICROSECOND = timedelta(microseconds=1)
_MOST_BYTES = 64 * 1024 * 1024
_FRESH = "max-age=60"
_FOR_EVER = "max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A document, and what it was rendered from: *total* is the store's version, *state* its own.

    *made* is when that was, *asked* when it or one before it was asked for.
    """

    catalogue: Catalogue
    total: object
    state: object
    document: Document
    made: float
    asked: deque[float]


class Shelf:
    """The feeds of a desk, their list and the style sheets, as bytes. Safe for several threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._started_at = clock()
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0
        self._items = KeptItems()
        self._lock = threading.Lock()
        self._seen: tuple[int, object, float] = (-1, None, 0.0)

    def at_hand(self, catalogue: Catalogue, path: str, wished: str) -> Document | None:
        """Return the document at *path* where it is certainly right now, without asking the store.

        What this process committed counts at once, what others did within a quarter of a second.
        """
        kept = self._kept.get((path, wished))
        if kept is None or kept.catalogue is not catalogue:
            return None
        now = time.monotonic()
        kept.asked.append(now)
        commits, total, at = self._seen
        is_known = commits == self._database.commits and now - at < _TRUSTED
        return kept.document if is_known and kept.total == total else None

    def in_demand(
        self, catalogue: Catalogue, path: str, wished: str
    ) -> tuple[Document, bool] | None:
        """Return the last state of a document that many ask for at the moment, else None.

        The second tells whether it is to be rendered again: readers need not wait for that, nor
        need it be done more than ten times a second.
        """
        kept = self._kept.get((path, wished))
        if kept is None or kept.catalogue is not catalogue or len(kept.asked) < _MANY:
            return None
        now = time.monotonic()
        if now - kept.asked[0] > _MOMENT:
            return None
        return kept.document, now - kept.made > _BETWEEN

    def document(self, catalogue: Catalogue, path: str, wished: str = "") -> Document | None:
        """Return the document at *path* as the store has it now; None where there is none."""
        at, commits = time.monotonic(), self._database.commits
        kept = self._kept.get((path, wished))
        try:
            total = self._database.site_version()
        except StoreError:
            if kept is None:
                raise
            return kept.document  # what was right a moment ago is better than nothing
        self._seen = commits, total, at
        if kept and kept.catalogue is catalogue and kept.total == total:
            return kept.document
        found = self._made(catalogue, path, wished, kept)
        if found:
            asked = kept.asked if kept else deque([at], maxlen=_MANY)
            self._keep((path, wished), _Kept(catalogue, total, *found, at, asked))
        return found[1] if found else None

    def _made(
        self, catalogue: Catalogue, path: str, wished: str, kept: _Kept | None
    ) -> tuple[object, Document] | None:
        """Return the document with the state that it shows; *kept* where that is its state still."""
        path = path.removeprefix(catalogue.prefix)
        if path in {"/static/site.css", "/static/feed.css"}:
            sheet = stylesheet(path.removeprefix("/static/"))
            return path, Document.of(sheet, "text/css; charset=utf-8", self._started_at)
        if path == "/feeds.opml":
            listed = opml_of(catalogue)
            return path, Document.of(
                listed,
                "text/x-opml; charset=utf-8",
                self._started_at,
                cache=f"{catalogue.scope}, {_FRESH}",
            )
        asked = part_at(path, wished)
        if asked is None or asked[1] not in RENDERERS:
            return None
        part, ending = asked
        feed = catalogue.feed(part.name)
        if feed is None:
            return None
        state = (self._version(catalogue, feed), *_shown(catalogue, feed))
        if kept and kept.state == state:
            return state, kept.document
        # What was committed since the version was read is shown early, and rendered again.
        now = self._clock()
        whole = self._channel(catalogue, feed, part, now)
        return (state, self._rendered(whole, catalogue, ending, now)) if whole else None

    def _version(self, catalogue: Catalogue, feed: Feed) -> object:
        if feed.name == HEALTH:
            return self._database.events(1), bool(catalogue.private)
        return self._database.feed_version(feed.rules)

    def _channel(
        self, catalogue: Catalogue, feed: Feed, part: Part, now: datetime
    ) -> Channel | None:
        if feed.name == HEALTH:
            if part.until:
                return None
            events = catalogue.told(self._database.events(part.most))
            return bulletin(events, catalogue, part.most)
        span = self.span(feed, part, now)
        return channel(feed, part, span, catalogue, now, self._items) if span else None

    def _rendered(
        self, whole: Channel, catalogue: Catalogue, ending: str, now: datetime
    ) -> Document:
        part = whole.part
        render, media_type = RENDERERS[ending]
        lasting = part.until is not None and part.until <= now
        return Document.of(
            render(whole),
            media_type,
            whole.updated,
            cache=f"{catalogue.scope}, {_FOR_EVER if lasting else _FRESH}",
            link=_links(whole, ending),
        )

    def span(self, feed: Feed, part: Part, now: datetime) -> Span | None:
        """Return the matches that *part* of *feed* holds; None where it names nothing.

        An archive has one address: that of its month, or of the instant after its newest match.
        """
        if part.since is None or part.until is None:
            return self._database.latest(feed.rules, part.most)
        span = self._database.span(feed.rules, part.since, part.until, MOST_ARCHIVED)
        if part.is_month:
            is_there = part.since <= now and (span.matches or span.earlier)
            return span if is_there else None
        is_first = span.matches and span.matches[0].matched_at + _MICROSECOND == part.until
        return span if is_first else None

    def parts(self, feed: Feed, now: datetime) -> Iterator[tuple[Part, Span]]:
        """Yield every part of *feed* with its matches: what leads back, first the live end, and each month."""
        part: Part | None = Part(name=feed.name)
        months: list[datetime] = []
        while part and (span := self.span(feed, part, now)):
            if not part.is_month:
                yield part, span
            months.extend(match.matched_at for match in span.matches)
            part = previous(part, span)
        part = Part.month(feed.name, min(months)) if months else None
        while part and part.until and (span := self.span(feed, part, now)):
            yield part, span
            part = Part.month(feed.name, part.until)

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        with self._lock:
            if old := self._kept.pop(key, None):
                self._bytes -= _size(old)
            self._kept[key] = kept
            self._bytes += _size(kept)
            while self._bytes > _MOST_BYTES and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(kept: _Kept) -> int:
    return len(kept.document.body) + len(kept.document.zipped)


def _links(whole: Channel, ending: str) -> str:
    """Return the Link header of a feed (RFC 8288): itself, and its hubs (WebSub, section 4)."""
    named = [(whole.address(whole.part, ending), "self"), *((hub, "hub") for hub in whole.hubs)]
    return ", ".join(f'<{address}>; rel="{rel}"' for address, rel in named)


def _shown(catalogue: Catalogue, feed: Feed) -> tuple[object, ...]:
    """Return what of the desk itself stands in a feed."""
    rules = [catalogue.rules[name] for name in feed.rules if name in catalogue.rules]
    named = tuple((rule.id, rule.title, rule.tags) for rule in rules)
    return feed, catalogue.site, catalogue.prefix, catalogue.hubs, named
