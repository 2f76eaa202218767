"""Turns the bytes that a source sent into entries. Pure: it reads no file and asks no server."""

from __future__ import annotations

from watcher.parse.advertised import Advertised, advertised, hub_of
from watcher.parse.articles import parse_article
from watcher.parse.document import Document, Parsed, ParseError
from watcher.parse.feed import parse_feed
from watcher.parse.jsonfeed import is_json_feed, parse_json_feed
from watcher.parse.legible import legible
from watcher.parse.listing import is_sitemap, parse_listing, parse_sitemap
from watcher.parse.page import article_text, is_page, parse_page

__all__ = [
    "Advertised",
    "Document",
    "ParseError",
    "Parsed",
    "advertised",
    "article_text",
    "is_page",
    "parse_article",
    "parse_document",
    "parse_listing",
]


def parse_document(kind: str, document: Document) -> Parsed:
    """Return what *document* says, its entries newest first where the source orders them so.

    *kind* is "feed" or "page". Raise ParseError for what is neither.
    """
    if not document.body.strip():
        raise ParseError("the answer is empty")
    if kind == "page":
        return Parsed(entries=parse_page(document), hub=hub_of(document))
    document = legible(document)
    if is_sitemap(document):
        return parse_sitemap(document)
    if is_json_feed(document):
        return parse_json_feed(document)
    return parse_feed(document)
