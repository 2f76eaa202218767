"""A strict checker of feeds: what the specifications ask for, and what validators warn of.

It knows RFC 4287, RSS 2.0, JSON Feed 1.1, RFC 5005 and WebSub as far as we use them. Each
finding begins with the name under which the W3C's validator reports it, where it does.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from urllib.parse import urlsplit

from lxml import etree

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
HISTORY = "http://purl.org/syndication/history/1.0"
KNOWN = {ATOM, DC, HISTORY, None}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000"
)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ufdd0-\ufdef\ud800-\udfff]")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|&(#\d+|#x[0-9a-fA-F]+|[A-Za-z]+);")
_TAGS = {"p", "strong", "em", "mark", "blockquote", "a", "code", "del", "ins"}

_ATOM_FEED = {
    "id": (1, 1), "title": (1, 1), "updated": (1, 1), "subtitle": (0, 1), "author": (1, 9),
    "link": (1, 99), "generator": (0, 1), "entry": (0, 9999),
}  # fmt: skip
_ATOM_ENTRY = {
    "id": (1, 1), "title": (1, 1), "updated": (1, 1), "published": (0, 1), "author": (1, 999),
    "content": (1, 1), "link": (1, 9), "category": (0, 9999), "source": (1, 1),
}  # fmt: skip
_RSS_CHANNEL = {
    "title": (1, 1), "link": (1, 1), "description": (1, 1), "docs": (0, 1), "generator": (0, 1),
    "language": (0, 1), "lastBuildDate": (1, 1), "item": (0, 9999),
}  # fmt: skip
_RSS_ITEM = {
    "title": (1, 1), "link": (1, 1), "description": (1, 1), "guid": (1, 1), "category": (0, 9999),
    "pubDate": (1, 1), "source": (1, 1),
}  # fmt: skip


def problems_of(body: bytes, form: str, url: str, now: datetime) -> list[str]:
    """Return what is wrong with a feed that was read at *url*."""
    if form == "json":
        return list(_json(body, url, now))
    try:
        tree = etree.fromstring(body)
    except etree.XMLSyntaxError as error:
        return [f"SAXError: {error}"]
    check = _atom if form == "atom" else _rss
    return [*_xml(tree), *check(tree, url, now)]


def _xml(tree: etree._Element) -> Iterator[str]:
    for node in tree.iter(etree.Element):
        name = etree.QName(node)
        if name.namespace not in KNOWN:
            yield f"UnknownNamespace: {name.namespace}"
        for text in (node.text or "", *node.attrib.values()):
            if found := _UNFIT.search(text):
                yield f"BadCharacters: {found[0]!r} in {name.localname}"
        lang = node.get("{http://www.w3.org/XML/1998/namespace}lang")
        if lang is not None and not _LANGUAGE.fullmatch(lang):
            yield f"InvalidLanguage: {lang}"


def _counted(
    node: etree._Element, allowed: dict[str, tuple[int, int]], space: str
) -> Iterator[str]:
    counts = Counter(
        etree.QName(child).localname
        for child in node
        if (etree.QName(child).namespace or "") == space
    )
    for name, count in counts.items():
        if name not in allowed:
            yield f"UndefinedElement: {name} in {node.tag}"
        elif count > allowed[name][1]:
            yield f"DuplicateElement: {name} in {node.tag}"
    for name, (least, _) in allowed.items():
        if counts[name] < least:
            yield f"MissingElement: {name} in {node.tag}"


def _plain(name: str, text: str | None) -> Iterator[str]:
    if not (text or "").strip():
        yield f"NotBlank: {name}"
    elif found := _MARKUP.search(text or ""):
        yield f"ContainsHTML: {found[0]!r} in {name}"


def _address(
    name: str, address: str | None, schemes: tuple[str, ...] = ("http", "https")
) -> Iterator[str]:
    if not address or not _URI.fullmatch(address):
        yield f"InvalidFullLink: {address!r} in {name}"
    elif urlsplit(address).scheme not in schemes:
        yield f"SecurityRisk: {address!r} in {name}"
    elif re.search(r'%(?![0-9A-Fa-f]{2})|[<>"{}|\\^`\s]', address):
        yield f"InvalidUriChar: {address!r} in {name}"


def _date(name: str, at: datetime, now: datetime) -> Iterator[str]:
    if at > now or at.year < 1990:
        yield f"ImplausibleDate: {name} {at}"


def _rfc3339(name: str, text: str | None, now: datetime) -> Iterator[str]:
    if not _RFC3339.fullmatch(text or ""):
        yield f"InvalidRFC3339Date: {text} in {name}"
    else:
        yield from _date(name, datetime.fromisoformat(text or ""), now)


def _unique(name: str, values: Iterable[str | None]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{name}: {value} {count} times"


def _html(name: str, text: str | None) -> Iterator[str]:
    parser = _Balanced()
    parser.feed(text or "")
    parser.close()
    if parser.open:
        parser.found.append(f"NotHtml: {parser.open} are left open")
    yield from (f"{one} in {name}" for one in parser.found)


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.open.append(tag)
        if tag not in _TAGS:
            self.found.append(f"SecurityRisk: <{tag}>")
        for key, value in attrs:
            if key != "href":
                self.found.append(f"SecurityRiskAttr: {key}")
            elif not (value or "").startswith(("http://", "https://")):
                self.found.append(f"ContainsRelRef: {value}")

    def handle_endtag(self, tag) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"NotHtml: </{tag}>")


def _atom(feed: etree._Element, url: str, now: datetime) -> Iterator[str]:
    if feed.tag != f"{{{ATOM}}}feed":
        yield f"UndefinedElement: {feed.tag}"
        return
    a = f"{{{ATOM}}}"
    yield from _counted(feed, _ATOM_FEED, ATOM)
    yield from _address("id", feed.findtext(f"{a}id"))
    yield from _plain("title", feed.findtext(f"{a}title"))
    yield from _plain("author", feed.findtext(f"{a}author/{a}name"))
    yield from _rfc3339("updated", feed.findtext(f"{a}updated"), now)
    yield from _links(feed.findall(f"{a}link"), url)
    entries = feed.findall(f"{a}entry")
    yield from _unique("DuplicateEntries", [entry.findtext(f"{a}id") for entry in entries])
    yield from _unique("DuplicateUpdated", [entry.findtext(f"{a}updated") for entry in entries])
    updated = [entry.findtext(f"{a}updated") for entry in entries]
    if sorted(updated, key=lambda at: at or "", reverse=True) != updated:
        yield "order: not newest first"
    for entry in entries:
        yield from _atom_entry(entry, a, now)


def _atom_entry(entry: etree._Element, a: str, now: datetime) -> Iterator[str]:
    yield from _counted(entry, _ATOM_ENTRY, ATOM)
    yield from _address("entry id", entry.findtext(f"{a}id"), ("urn", "tag"))
    yield from _plain("entry title", entry.findtext(f"{a}title"))
    for name in ("updated", "published"):
        if entry.find(f"{a}{name}") is not None:
            yield from _rfc3339(f"entry {name}", entry.findtext(f"{a}{name}"), now)
    for author in entry.findall(f"{a}author"):
        yield from _plain("entry author", author.findtext(f"{a}name"))
    kinds = Counter((link.get("rel"), link.get("type")) for link in entry.findall(f"{a}link"))
    if any(count > 1 for count in kinds.values()):
        yield f"DuplicateAtomLink: {kinds}"
    for link in entry.findall(f"{a}link"):
        yield from _address("entry link", link.get("href"))
    for category in entry.findall(f"{a}category"):
        yield from _plain("category", category.get("term"))
        yield from _plain("category", category.get("label"))
    content = entry.find(f"{a}content")
    if content is not None:
        if content.get("type") != "html":
            yield f"InvalidMIMEType: {content.get('type')}"
        yield from _html("content", content.text)
    source = entry.find(f"{a}source")
    if source is None or any(source.find(f"{a}{n}") is None for n in ("id", "title", "updated")):
        yield "MissingSourceElement"
    else:
        yield from _address("source id", source.findtext(f"{a}id"))
        yield from _plain("source title", source.findtext(f"{a}title"))


def _links(links: list[etree._Element], url: str) -> Iterator[str]:
    by_rel: dict[str | None, list[str | None]] = {}
    for link in links:
        by_rel.setdefault(link.get("rel"), []).append(link.get("href"))
        yield from _address("link", link.get("href"))
    if by_rel.get("self") != [url]:
        yield f"SelfDoesntMatchLocation: {by_rel.get('self')}"
    for rel in ("alternate", "current", "prev-archive", "next-archive"):
        if len(by_rel.get(rel, [])) > 1:
            yield f"DuplicateAtomLink: {rel}"


def _rss(rss: etree._Element, url: str, now: datetime) -> Iterator[str]:
    channel = rss.find("channel")
    if rss.tag != "rss" or rss.get("version") != "2.0" or channel is None:
        yield "UndefinedElement: no RSS 2.0"
        return
    yield from _counted(channel, _RSS_CHANNEL, "")
    yield from _address("link", channel.findtext("link"))
    for name in ("title", "description"):
        yield from _plain(name, channel.findtext(name))
    yield from _rfc822("lastBuildDate", channel.findtext("lastBuildDate"), now)
    yield from _links(channel.findall(f"{{{ATOM}}}link"), url)
    items = channel.findall("item")
    yield from _unique("DuplicateValue", [item.findtext("guid") for item in items])
    for item in items:
        yield from _counted(item, _RSS_ITEM, "")
        yield from _plain("item title", item.findtext("title"))
        yield from _address("item link", item.findtext("link"))
        yield from _rfc822("pubDate", item.findtext("pubDate"), now)
        yield from _html("description", item.findtext("description"))
        guid = item.find("guid")
        if guid is not None and guid.get("isPermaLink") != "false":
            yield f"InvalidPermalink: {guid.text}"
        for category in item.findall("category"):
            yield from _plain("category", category.text)
        for creator in item.findall(f"{{{DC}}}creator"):
            yield from _plain("creator", creator.text)
        source = item.find("source")
        if source is not None:
            yield from _plain("source", source.text)
            yield from _address("source", source.get("url"))


def _rfc822(name: str, text: str | None, now: datetime) -> Iterator[str]:
    if not _RFC822.fullmatch(text or ""):
        yield f"InvalidRFC2822Date: {text} in {name}"
    else:
        yield from _date(name, parsedate_to_datetime(text or ""), now)


def _json(body: bytes, url: str, now: datetime) -> Iterator[str]:
    feed = json.loads(body.decode("utf-8", "strict"))
    allowed = {
        "version", "title", "home_page_url", "feed_url", "description", "authors", "language",
        "next_url", "hubs", "items",
    }  # fmt: skip
    if unknown := {key for key in feed if key not in allowed and not key.startswith("_")}:
        yield f"unknown keys {unknown}"
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield f"version {feed.get('version')}"
    for name in ("title", "description"):
        yield from _plain(name, feed.get(name))
    for name in ("home_page_url", "feed_url", *(["next_url"] if "next_url" in feed else [])):
        yield from _address(name, feed.get(name))
    if url not in {feed.get("feed_url"), feed.get("next_url")} and "/until-" not in url:
        yield f"feed_url is {feed.get('feed_url')}, not {url}"
    yield from _authors(feed.get("authors"))
    if "language" in feed and not _LANGUAGE.fullmatch(feed["language"]):
        yield f"InvalidLanguage: {feed['language']}"
    for hub in feed.get("hubs", []):
        if hub.get("type") != "WebSub":
            yield f"hub {hub}"
        yield from _address("hub", hub.get("url"))
    yield from _unique("DuplicateEntries", [item.get("id") for item in feed["items"]])
    for item in feed["items"]:
        yield from _json_item(item, now)


def _json_item(item: dict, now: datetime) -> Iterator[str]:
    allowed = {
        "id", "url", "title", "content_html", "date_published", "date_modified", "authors", "tags",
        "language",
    }  # fmt: skip
    if unknown := {key for key in item if key not in allowed and not key.startswith("_")}:
        yield f"unknown keys {unknown}"
    yield from _address("id", item["id"], ("urn", "tag"))
    yield from _address("url", item["url"])
    yield from _plain("title", item["title"])
    yield from _html("content_html", item["content_html"])
    for name in ("date_published", "date_modified"):
        yield from _rfc3339(name, item[name], now)
    yield from _authors(item["authors"])
    for tag in item["tags"]:
        yield from _plain("tag", tag)
    for text in (item["title"], item["content_html"], *item["tags"]):
        if found := _UNFIT.search(text):
            yield f"BadCharacters: {found[0]!r}"
    if "language" in item and not _LANGUAGE.fullmatch(item["language"]):
        yield f"InvalidLanguage: {item['language']}"


def _authors(authors: object) -> Iterator[str]:
    if not isinstance(authors, list) or not authors:
        yield "MissingElement: authors"
        return
    for author in authors:
        yield from _plain("author", author.get("name"))
