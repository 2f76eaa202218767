"""Finds the feeds that a web page advertises, and the hub that tells of its changes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from store import Hub
from watcher.parse.document import Document
from watcher.parse.fields import absolute

_TYPES = {
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "text/xml",
    "application/xml",
}
_LONGEST = 2_000_000
_BELOW_HEAD = re.compile(rb"</head\b|<body\b", re.IGNORECASE)
_MOST = 50


@dataclass(frozen=True, slots=True)
class Advertised:
    """A feed that a page names: its address and its title."""

    address: str
    title: str = ""


def advertised(document: Document) -> tuple[Advertised, ...]:
    """Return the feeds that the page *document* advertises, in its own order, each once."""
    reader, base = _read(document, document.body)
    found: dict[str, Advertised] = {}
    for href, title in reader.found:
        address = absolute(base, href)
        if address:
            found.setdefault(address, Advertised(address, title))
    return tuple(found.values())[:_MOST]


def hub_of(document: Document) -> Hub | None:
    """Return the hub that the head of a page names, and what the page calls itself (WebSub, section 4)."""
    # Below the head stands what readers write.
    reader, base = _read(document, _BELOW_HEAD.split(document.body, maxsplit=1)[0])
    address = absolute(base, reader.named.get("hub"))
    topic = absolute(base, reader.named.get("self")) or document.address
    return Hub(address=address, topic=topic) if address else None


def _read(document: Document, part: bytes) -> tuple[_Links, str]:
    """Return the links of a *part* of a page, and where relative ones start from."""
    reader = _Links()
    reader.feed(part[:_LONGEST].decode("utf-8", "replace"))
    return reader, absolute(document.address, reader.base) or document.address


class _Links(HTMLParser):
    """Collects `<link rel=alternate type=…>`, hub and self, and where links start from."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[tuple[str, str]] = []
        self.named: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and not self.base:
            self.base = given.get("href", "")
        kind = given.get("type", "").partition(";")[0].strip().casefold()
        relations = given.get("rel", "").casefold().split()
        if tag == "link" and kind in _TYPES and "alternate" in relations:
            self.found.append((given.get("href", ""), " ".join(given.get("title", "").split())))
        if tag == "link":
            for relation in {"hub", "self"}.intersection(relations):
                self.named.setdefault(relation, given.get("href", ""))
