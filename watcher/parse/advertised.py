"""Finds the feeds that a web page advertises. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

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
_MOST = 50


@dataclass(frozen=True, slots=True)
class Advertised:
    """A feed that a page names: its address and its title."""

    address: str
    title: str = ""


def advertised(document: Document) -> tuple[Advertised, ...]:
    """Return the feeds that the page *document* advertises, in its own order, each once."""
    reader = _Links()
    reader.feed(document.body[:_LONGEST].decode("utf-8", "replace"))
    base = absolute(document.address, reader.base) or document.address
    found: dict[str, Advertised] = {}
    for href, title in reader.found:
        address = absolute(base, href)
        if address:
            found.setdefault(address, Advertised(address, title))
    return tuple(found.values())[:_MOST]


class _Links(HTMLParser):
    """Collects `<link rel=alternate type=…>`, and where relative links start from."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and not self.base:
            self.base = given.get("href", "")
        kind = given.get("type", "").partition(";")[0].strip().casefold()
        relations = given.get("rel", "").casefold().split()
        if tag == "link" and kind in _TYPES and "alternate" in relations:
            self.found.append((given.get("href", ""), " ".join(given.get("title", "").split())))
