"""Reads JSON Feed 1.0 and 1.1 (jsonfeed.org), which feedparser does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rules import Entry
from rules.visible import visible_text
from store import Hub
from watcher.links import item_key
from watcher.parse.document import Document, Parsed, ParseError
from watcher.parse.fields import absolute, iso_instant, shown_title, texts, told_apart
from watcher.parse.mended import mended
from watcher.parse.written import MOST_ENTRIES

_VERSION = "https://jsonfeed.org/version/1"


def is_json_feed(document: Document) -> bool:
    """Tell whether *document* is JSON, which for a feed source means JSON Feed."""
    return document.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def parse_json_feed(document: Document) -> Parsed:
    """Return what a JSON Feed says; raise ParseError for any other JSON."""
    try:
        feed = json.loads(document.body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ParseError(f"the answer is broken JSON ({error})") from error
    if not str(feed.get("version", "")).startswith(_VERSION) or not isinstance(
        feed.get("items"), list
    ):
        raise ParseError("the answer is JSON, but not a JSON Feed; give the address of a feed")
    items = [item for item in feed["items"][:MOST_ENTRIES] if isinstance(item, dict)]
    entries = told_apart([_entry(item, feed, document) for item in items])
    title = shown_title(_text(feed.get("title")))
    return Parsed(entries=entries, title=title, hub=_hub(feed, document))


def _hub(feed: Mapping[str, Any], document: Document) -> Hub | None:
    hubs = [hub for hub in _list(feed.get("hubs")) if isinstance(hub, dict)]
    named = next((_text(h.get("url")) for h in hubs if _text(h.get("type")) == "WebSub"), "")
    address = absolute(document.address, named)
    topic = absolute(document.address, _text(feed.get("feed_url"))) or document.address
    return Hub(address=address, topic=topic) if address else None


def _entry(item: Mapping[str, Any], feed: Mapping[str, Any], document: Document) -> Entry:
    link = absolute(document.address, _text(item.get("url")) or _text(item.get("external_url")))
    markup = _text(item.get("content_html"))
    content = visible_text(markup) if markup else _text(item.get("content_text")).strip()
    summary, text = texts(_text(item.get("summary")).strip(), content)
    entry = Entry(
        key="",
        url=link,
        title=shown_title(_text(item.get("title"))),
        summary=summary,
        text=text,
        authors=tuple(dict.fromkeys(_authors(item) or _authors(feed))),
        tags=tuple(dict.fromkeys(filter(None, map(_text, _list(item.get("tags")))))),
        lang=_text(item.get("language")) or _text(feed.get("language")),
        published=iso_instant(item.get("date_published")),
        updated=iso_instant(item.get("date_modified")),
    )
    return replace(entry, key=item_key(_identity(item.get("id")), link, entry))


def _identity(written: object) -> str:
    """Return the item's id; version 1 allowed numbers, to be read as text."""
    return str(written) if isinstance(written, str | int | float) else ""


def _authors(holder: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_names(holder))


def _names(holder: Mapping[str, Any]) -> Iterator[str]:
    for author in [*_list(holder.get("authors")), holder.get("author")]:
        if isinstance(author, dict) and (name := _text(author.get("name")).strip()):
            yield name


def _text(value: object) -> str:
    return mended(value) if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
