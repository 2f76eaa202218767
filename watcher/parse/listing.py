"""Reads what lists articles without being a feed: pages of links, and sitemaps of news."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from selectolax.lexbor import LexborHTMLParser, LexborNode

from rules import Entry
from watcher.links import canonical
from watcher.parse.document import Document, Parsed, ParseError
from watcher.parse.fields import absolute, iso_instant, shown_title, told_apart
from watcher.parse.page import decoded

MOST_ENTRIES = 5_000
_SITEMAP = re.compile(rb"<(?:\w+:)?urlset\b")
_LONGEST = 2_000


def parse_listing(document: Document, selector: str) -> Parsed:
    """Return an entry for each link that *selector* finds in a page; raise ParseError for none.

    The selector names links, or what holds a link: a headline, a teaser. The
    entry's text is all that the selected part says.
    """
    tree = LexborHTMLParser(decoded(document))
    base = tree.css_first("base[href]")
    start = absolute(document.address, base.attributes.get("href")) if base else ""
    entries = told_apart(list(_linked(tree, selector, start or document.address)))
    if not entries:
        raise ParseError(
            f"`{selector}` finds no links in the page; it may have been rebuilt: look at it"
        )
    title = tree.css_first("title")
    return Parsed(
        entries=entries[:MOST_ENTRIES],
        title=shown_title(title.text()) if title else "",
    )


def _linked(tree: LexborHTMLParser, selector: str, base: str) -> Iterator[Entry]:
    for node in tree.css(selector):
        anchor = node if node.tag == "a" else node.css_first("a[href]")
        link = absolute(base, anchor.attributes.get("href")) if anchor else ""
        if not link:
            continue
        said = _said(node)
        title = (_said(anchor) if anchor else "") or said
        yield Entry(key=canonical(link), url=link, title=title[:200] or link, text=said[:_LONGEST])


def _said(node: LexborNode) -> str:
    return " ".join((node.text(separator=" ") or "").split())


def is_sitemap(document: Document) -> bool:
    """Tell whether *document* is a sitemap."""
    return bool(_SITEMAP.search(document.body[:4096]))


def parse_sitemap(document: Document) -> Parsed:
    """Return the articles that a sitemap of news lists, with the titles that it gives them.

    Raise ParseError where it has none: a plain sitemap says no more than addresses.
    """
    # No entities, no network: the document is a stranger's.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(document.body, parser)
    entries = [] if root is None else [*_news(root, document.address)]
    if not entries:
        raise ParseError("the sitemap lists no news with titles; give the one of the news")
    return Parsed(entries=told_apart(entries[:MOST_ENTRIES]))


def _news(root: etree._Element, base: str) -> Iterator[Entry]:
    for url in root.iter("{*}url"):
        link = absolute(base, url.findtext("{*}loc"))
        title = shown_title(url.findtext(".//{*}news/{*}title"))
        if link and title:
            keywords = (url.findtext(".//{*}news/{*}keywords") or "").split(",")
            yield Entry(
                key=canonical(link),
                url=link,
                title=title,
                lang=(url.findtext(".//{*}news/{*}publication/{*}language") or "").strip(),
                tags=tuple(filter(None, map(str.strip, keywords))),
                published=iso_instant(url.findtext(".//{*}news/{*}publication_date")),
            )
