"""Writes and reads OPML, the list of feeds that readers exchange."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from feeds.catalogue import Catalogue
from feeds.clean import one_line


class OpmlError(Exception):
    """A file that is no OPML; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A feed that an OPML file lists."""

    title: str
    url: str
    home: str = ""
    language: str = ""


def opml_of(catalogue: Catalogue) -> bytes:
    """Return every feed of *catalogue* as OPML 2.0, for readers to subscribe to."""
    base = catalogue.base
    return render_opml(
        one_line(catalogue.site.title),
        [
            Subscription(
                title=one_line(feed.title),
                url=f"{base}/feeds/{feed.name}.atom",
                home=f"{base}/" if feed.name == "all" else f"{base}/topics/{feed.name}",
            )
            for feed in catalogue.feeds.values()
        ],
    )


def render_opml(title: str, feeds: list[Subscription]) -> bytes:
    """Return *feeds* as OPML 2.0."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = title
    body = etree.SubElement(root, "body")
    for feed in feeds:
        outline = etree.SubElement(
            body, "outline", type="rss", text=feed.title, title=feed.title, xmlUrl=feed.url
        )
        for name, value in (("htmlUrl", feed.home), ("language", feed.language)):
            if value:
                outline.set(name, value)
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)
    return written


def parse_opml(data: bytes) -> tuple[Subscription, ...]:
    """Return the feeds that an OPML file lists, each address once; raise OpmlError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = f" (line {error.lineno})" if error.lineno else ""
        raise OpmlError(f"it is not well-formed XML{line}: {error.msg}") from error
    if not isinstance(root.tag, str) or root.tag.lower() != "opml":
        raise OpmlError("it is XML, but not OPML; export the subscriptions of your reader as OPML")
    found = {feed.url: feed for feed in _subscriptions(root)}
    return tuple(found.values())


def _web(address: str) -> str:
    """Return *address* as the web has it: `feed://…` and `feed:https://…` are for readers alone."""
    kind, colon, rest = address.partition(":")
    if not colon or kind.lower() != "feed":
        return address
    return f"http:{rest}" if rest.startswith("//") else rest


def _subscriptions(root: etree._Element) -> Iterator[Subscription]:
    for outline in root.iter("outline"):
        attributes = {str(name).lower(): str(value) for name, value in outline.attrib.items()}
        if url := _web(attributes.get("xmlurl", "").strip()):
            title = attributes.get("title") or attributes.get("text") or url
            yield Subscription(
                title=one_line(title),
                url=url,
                home=attributes.get("htmlurl", ""),
                language=attributes.get("language", ""),
            )
