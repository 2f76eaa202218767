"""Writes JSON Feed 1.1 (jsonfeed.org), with everything that convinced a rule under `_tocsin`."""

from __future__ import annotations

import json
from typing import Any

from feeds.items import Channel, Item
from store import rfc3339


def json_feed(channel: Channel) -> bytes:
    """Return *channel* as JSON Feed 1.1 in UTF-8: the same bytes for the same matches."""
    itself = channel.address(channel.part.live if channel.part.until else channel.part, "json")
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.title,
        "home_page_url": channel.home,
        "feed_url": itself,
        "description": channel.description,
        "authors": [{"name": channel.publisher}],
    }
    if channel.language:
        feed["language"] = channel.language
    if channel.previous:
        feed["next_url"] = channel.address(channel.previous, "json")
    if channel.hubs:
        feed["hubs"] = [{"type": "WebSub", "url": hub} for hub in channel.hubs]
    feed["items"] = [_item(item, itself) for item in channel.items]
    # Without indents: with them, Python's encoder takes three times as long.
    return json.dumps(feed, ensure_ascii=False).encode("utf-8", "replace")


def _item(item: Item, feed: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "url": item.link,
        "title": item.title,
        "content_html": item.html,
        "date_published": rfc3339(item.published),
        "date_modified": rfc3339(item.updated),
        "authors": [{"name": name} for name in item.authors or (item.source,)],
        "tags": [label for _, label in item.topics],
        **({"language": item.language} if item.language else {}),
        "_tocsin": {"about": feed, **item.details},
    }
