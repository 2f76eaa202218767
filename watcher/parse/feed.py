"""Reads RSS, Atom and RDF with feedparser; what is plain and well-formed, faster and the same."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import feedparser
from lxml import etree

from watcher.parse.document import Document, Parsed, ParseError
from watcher.parse.doubt import ATOM
from watcher.parse.page import is_page
from watcher.parse.quick import quick_feed
from watcher.parse.written import MOST_ENTRIES, Item, Written, parsed

_XML = "application/xml"
_ENTRY = re.compile(rb"<(?:\w+:)?(?:item|entry)\b")
_FEED_ROOT = re.compile(rb"<(?:\w+:)?(?:rss|feed|RDF|channel)\b")


def parse_feed(document: Document) -> Parsed:
    """Return the entries of a feed, at most 5,000, in the feed's own order, and its wishes.

    Raise ParseError where the document is no feed. A feed with mistakes is
    read as far as feedparser can.
    """
    document = _cut(document)
    return parsed(quick_feed(document) or judged_feed(document), document)


def _cut(document: Document) -> Document:
    """Return *document* without what is never looked at, which would cost time and memory."""
    body = document.body
    for begin, end in ((b"<item", b"</channel></rss>"), (b"<entry", b"</feed>")):
        if body.count(begin) > MOST_ENTRIES:
            at = 0
            for _ in range(MOST_ENTRIES + 1):
                at = body.index(begin, at + 1)
            closing = b"</rdf:RDF>" if b"<rdf:RDF" in body[:4096] else end
            return replace(document, body=body[:at] + closing)
    return document


def judged_feed(document: Document) -> Written:
    """Return what feedparser reads, whose word counts; raise ParseError for what is no feed."""
    if is_page(document) and not _FEED_ROOT.search(document.body[:4096]):
        raise ParseError(
            "the answer is a web page, not a feed; look for its feed, or use kind: page"
        )
    read = _read(document.body, _xml_type(document.content_type))
    if not read.entries and _ENTRY.search(document.body) and (plain := _plain(document.body)):
        second = _read(plain, _XML)
        read = second if any(map(_says_something, second.entries)) else read
    if not read.version and not read.entries:
        raise ParseError(f"the answer is not a feed{_reason(read)}")
    if not read.entries and read.bozo and "SAX" in type(read.get("bozo_exception")).__name__:
        raise ParseError(f"the feed is broken before its first entry{_reason(read)}")
    feed = read.feed
    lang = str(feed.get("language") or "")
    return Written(
        items=[_item(item, lang) for item in read.entries[:MOST_ENTRIES]],
        title=feed.get("title"),
        links=[(link.get("rel"), link.get("href")) for link in feed.get("links", ())],
        ttl=str(feed.get("ttl") or ""),
        period=str(feed.get("sy_updateperiod") or ""),
        frequency=str(feed.get("sy_updatefrequency") or "1"),
    )


def _read(body: bytes, content_type: str) -> Any:
    return feedparser.parse(
        io.BytesIO(body),  # never the bytes themselves: it would open them as a file name
        # Without a content-location: it would resolve guids against it, and these are no links.
        response_headers={"content-type": content_type},
        sanitize_html=False,  # what we keep is visible text
        resolve_relative_uris=False,
    )


def _says_something(item: Any) -> bool:
    return any(item.get(field) for field in ("title", "link", "summary", "content"))


def _plain(body: bytes) -> bytes | None:
    """Return what lxml can recover of *body*, in the namespace of its kind of feed.

    feedparser sees no entries in elements of a namespace that it does not know.
    """
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    root = etree.fromstring(body, parser)
    if root is None:
        return None
    kind = etree.QName(root)
    own = {"feed": f"{{{ATOM}}}", "rss": "", "channel": ""}.get(kind.localname)
    if own is not None and kind.namespace:
        for element in root.iter(f"{{{kind.namespace}}}*"):
            element.tag = own + etree.QName(element).localname
        etree.cleanup_namespaces(root)
    plain: bytes = etree.tostring(root, encoding="utf-8")
    return plain


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


def _item(item: Any, lang: str) -> Item:
    names = [author.get("name") or author.get("email") for author in item.get("authors", ())]
    return Item(
        id=str(item.get("id") or ""),
        link=item.get("link") or _first_link(item.get("links", ())),
        base=item.get("title_detail", {}).get("base"),
        title=item.get("title"),
        summary=item.get("summary"),
        contents=[content.get("value", "") for content in item.get("content") or ()],
        authors=names or [item.get("author")],
        tags=[tag.get("term") for tag in item.get("tags", ())],
        lang=_lang(item, lang),
        published=item.get("published_parsed") or item.get("created_parsed"),
        # Plain `dict.get`: feedparser's own would give the date of publication in its place.
        updated=dict.get(item, "updated_parsed"),
        outlet=item.get("source", {}).get("title"),
    )


def _first_link(links: Iterable[Any]) -> str | None:
    return next((link.get("href") for link in links if link.get("rel") == "alternate"), None)


def _lang(item: Any, lang: str) -> str:
    for part in ("title_detail", "summary_detail"):
        if own := item.get(part, {}).get("language"):
            return str(own)
    return lang
