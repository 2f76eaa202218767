"""Keeps each feed's bytes as long as they are right: rendered, hashed and compressed once a change."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from feeds.bulletin import bulletin
from feeds.catalogue import HEALTH, Catalogue
from feeds.items import LIVE, Channel, channel
from feeds.jsonfeed import json_feed
from feeds.render import atom, rss
from store import Feed
from store.database import Database

RENDERERS: Mapping[str, tuple[Callable[[Channel], bytes], str]] = {
    "rss": (rss, "application/rss+xml; charset=utf-8"),
    "atom": (atom, "application/atom+xml; charset=utf-8"),
    "json": (json_feed, "application/feed+json"),
}
"""Each format by its ending: what writes it, and its media type."""


def topics(catalogue: Catalogue) -> Mapping[str, tuple[str, ...]]:
    """Return the rules of every feed in every format, by its address below the base URL."""
    return {
        f"feeds/{feed.name}.{ending}": feed.rules
        for feed in catalogue.feeds.values()
        for ending in RENDERERS
    }


def links_of(catalogue: Catalogue, feed: Feed, ending: str) -> str:
    """Return the Link header of a feed (RFC 8288): itself, and its hubs (WebSub, section 4)."""
    hubs = () if feed.name == HEALTH else catalogue.hubs
    itself = f'<{catalogue.site.base_url}/feeds/{feed.name}.{ending}>; rel="self"'
    return ", ".join((itself, *(f'<{hub}>; rel="hub"' for hub in hubs)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A document as it is served; *changed* is when what it says changed last."""

    body: bytes
    media_type: str
    changed: datetime
    zipped: bytes = field(repr=False)
    etag: str

    @classmethod
    def of(cls, body: bytes, media_type: str, changed: datetime) -> Rendered:
        """Return *body* with its hash and its compressed form."""
        return cls(
            body=body,
            media_type=media_type,
            changed=changed.astimezone(UTC),
            zipped=gzip.compress(body, 6, mtime=0),
            etag=hashlib.sha256(body).hexdigest()[:32],
        )


class Shelf:
    """The feeds of a desk as bytes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[str, str], tuple[object, Rendered]] = {}

    def feed(self, catalogue: Catalogue, feed: Feed, ending: str) -> Rendered:
        """Return *feed* in the format with that *ending*, as the store has it now."""
        version = self._version(feed)
        state = (version, feed, catalogue.site, catalogue.hubs, tuple(_shown(catalogue, feed)))
        kept = self._kept.get((feed.name, ending))
        if kept and kept[0] == state:
            return kept[1]
        render, media_type = RENDERERS[ending]
        whole = self._channel(catalogue, feed)
        rendered = Rendered.of(render(whole), media_type, whole.updated)
        # What was committed since the version was read is shown early, and rendered again.
        self._kept[feed.name, ending] = (state, rendered)
        return rendered

    def _version(self, feed: Feed) -> object:
        if feed.name == HEALTH:
            return self._database.events(1)
        return self._database.feed_version(feed.rules)

    def _channel(self, catalogue: Catalogue, feed: Feed) -> Channel:
        if feed.name == HEALTH:
            return bulletin(self._database.events(LIVE), catalogue)
        return channel(feed, self._database.published(feed.rules, LIVE), catalogue)


def _shown(catalogue: Catalogue, feed: Feed) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return what of the rules themselves stands in their feed."""
    rules = [catalogue.rules[name] for name in feed.rules if name in catalogue.rules]
    return [(rule.id, rule.title, rule.tags) for rule in rules]
