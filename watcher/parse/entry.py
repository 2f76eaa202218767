"""Reads one entry of a plain feed as feedparser hears it, element by element, in their order."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import struct_time
from typing import ClassVar

# feedparser's own word on which instant a text means.
from feedparser.datetimes import _parse_date
from lxml import etree

from watcher.parse.doubt import (
    TELLING,
    address_of,
    bare,
    called,
    childless,
    linked,
    markup,
    sure,
    text_of,
)
from watcher.parse.written import Item

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ABOUT = f"{{{RDF}}}about"
_ADDRESS = re.compile(r"[\w.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,4} \(([^()<>@&]+)\)", re.ASCII)
_REFERENCE = re.compile("&[A-Za-z0-9_]+;")
_HTML = frozenset({"text/html", "application/xhtml+xml", "html", "xhtml"})


class Reading:
    """What was read of one entry so far. Each method hears one element, at its depth in the entry."""

    def __init__(self, element: etree._Element) -> None:
        self.item = Item()
        self.detailed = False
        self._titled = False
        self._depths: dict[str, int] = {}
        self._has_content = False
        self._contents: list[str] = []
        self._links: list[tuple[str, str | None]] = []
        self._authors: list[str | None] = []
        self._written_author = False
        self._tags: list[list[str | None]] = []
        self._made: struct_time | None = None
        for name, value in element.items():
            if name == ABOUT:
                self.item.id = value
            else:
                sure(name.startswith("{") and name.rpartition("}")[2].lower() not in TELLING)

    def read(self, element: etree._Element) -> Item:
        """Return the whole entry."""
        for inner in element:
            name = called(inner.tag)
            if name:
                self._HEARD[name](self, inner)
            else:
                childless(inner)
        item = self.item
        item.contents, item.authors = self._contents, self._authors
        item.tags = [tag[0] for tag in self._tags]
        if item.link is None or item.link == "":
            item.link = next((href for rel, href in self._links if rel == "alternate"), None)
        item.published = item.published or self._made
        return item

    def _hear_inside(self, element: etree._Element, depth: int) -> None:
        name = called(element.tag)
        if name:
            self._HEARD_INSIDE[name](self, element, depth)
        else:
            childless(element)

    def _title(self, element: etree._Element) -> None:
        self._media_title(element)
        self._titled = self._titled or bool(self.item.title)

    def _media_title(self, element: etree._Element, depth: int = 1) -> None:
        text = markup(element)
        if not self._titled and self._deeper("title", depth):
            self.item.title = text
            self.detailed = True

    def _deeper(self, field: str, depth: int) -> bool:
        """Tell whether an element so deep is heard: what stands less deep counts more."""
        heard = depth <= self._depths.get(field, depth)
        if heard:
            self._depths[field] = depth
        return heard

    def _summary(self, element: etree._Element, depth: int = 1) -> None:
        text = markup(element)
        if self.item.summary is not None and not self._has_content:
            self._has_content = True
            self._contents.append(text)
        else:
            self.detailed = True
            if self._deeper("summary", depth):
                self.item.summary = text

    def _content(self, element: etree._Element) -> None:
        text = markup(element)
        self._has_content = True
        self._contents.append(text)
        if self.item.summary is None:
            self.item.summary = text

    def _link(self, element: etree._Element) -> None:
        sure(len(element) == 0)
        if not element.keys():
            address = address_of(text_of(element))
            sure(not _REFERENCE.search(address))
            self.item.link = address
            self._links.append(("alternate", address or None))
            return
        rel, href = linked(element)
        self._links.append((rel, href))
        if rel == "alternate" and element.get("type", "text/html").lower() in _HTML:
            self.item.link = href

    def _guid(self, element: etree._Element) -> None:
        permalink = "true"
        for name, value in element.items():
            sure(name.lower() == "ispermalink" and len(element.keys()) == 1)
            permalink = value
        text = text_of(element)
        if permalink == "true":
            text = address_of(text)
            if self.item.link is None:
                self.item.link = text
        self.item.id = text

    def _author(self, element: etree._Element) -> None:
        if len(element) == 0:
            written = text_of(element)
            named = _ADDRESS.fullmatch(written)
            sure(named is not None or "@" not in written)
            self._authors.append(named[1].strip() if named else written)
            self._written_author = True
            return
        # After an author in text, feedparser takes the name of a person for that one too.
        sure(not self._written_author and not (element.text or "").strip())
        names = [inner for inner in element if called(inner.tag) == "name"]
        others = [inner for inner in element if called(inner.tag) != "name"]
        sure(
            len(names) == 1
            and all(called(one.tag) in {"", "uri", "email", "url"} for one in others)
        )
        for one in others:
            childless(one)
        sure(all(not (inner.tail or "").strip() for inner in element))
        self._authors.append(text_of(names[0]))

    def _category(self, element: etree._Element) -> None:
        if attributes := element.items():
            given = {name.lower(): value for name, value in attributes}
            scheme = given.get("scheme", given.get("domain"))
            self._tag(given.get("term"), scheme, given.get("label"))
        text = text_of(element)
        if not text:
            return
        if self._tags and not self._tags[-1][0]:
            self._tags[-1][0] = text
        else:
            self._tag(text, None, None)

    def _tag(self, *tag: str | None) -> None:
        if any(tag) and [*tag] not in self._tags:
            self._tags.append([*tag])

    def _keywords(self, element: etree._Element) -> None:
        bare(element)
        for term in text_of(element).split(","):
            if term.strip():
                self._tag(term.strip(), "keywords", None)

    def _published(self, element: etree._Element) -> None:
        self.item.published = _parse_date(text_of(element))

    def _updated(self, element: etree._Element) -> None:
        self.item.updated = _parse_date(text_of(element))

    def _created(self, element: etree._Element) -> None:
        self._made = _parse_date(text_of(element))

    def _source(self, element: etree._Element) -> None:
        sure(set(element.attrib) <= {"url"})
        self.item.outlet = text_of(element)
        self._titled = False

    def _contributor(self, element: etree._Element) -> None:
        for inner in element:
            sure(called(inner.tag) in {"", "name", "uri", "email", "url"})
            childless(inner)

    def _media(self, element: etree._Element, depth: int = 1) -> None:
        for inner in element:
            self._hear_inside(inner, depth + 1)

    def _nothing(self, element: etree._Element, _: int = 1) -> None:
        childless(element)

    _HEARD: ClassVar[dict[str, Callable[..., None]]] = {
        **dict.fromkeys(("title", "dc_title"), _title),
        "media_title": _media_title,
        **dict.fromkeys(
            ("description", "summary", "dc_description", "media_description", "itunes_summary"),
            _summary,
        ),
        **dict.fromkeys(("content", "content_encoded"), _content),
        "link": _link,
        **dict.fromkeys(("guid", "id"), _guid),
        **dict.fromkeys(("author", "dc_creator", "dc_author", "itunes_author"), _author),
        **dict.fromkeys(("category", "dc_subject"), _category),
        **dict.fromkeys(("itunes_keywords", "media_keywords"), _keywords),
        **dict.fromkeys(("pubdate", "published", "issued", "dcterms_issued"), _published),
        **dict.fromkeys(("updated", "modified", "dc_date", "dcterms_modified"), _updated),
        **dict.fromkeys(("created", "dcterms_created"), _created),
        "source": _source,
        "contributor": _contributor,
        **dict.fromkeys(("media_group", "media_content"), _media),
        **dict.fromkeys(
            (
                *("enclosure", "comments", "rights", "copyright", "dc_rights", "dc_publisher"),
                *("language", "dc_language", "media_thumbnail", "media_credit", "media_rating"),
                *("media_player", "itunes_image", "itunes_explicit", "itunes_block"),
                *("itunes_subtitle", "dc_contributor"),
            ),
            _nothing,
        ),
    }
    """What is heard right in an entry, by feedparser's names. Any other name is a doubt."""

    _HEARD_INSIDE: ClassVar[dict[str, Callable[..., None]]] = {
        "media_title": _media_title,
        "media_description": _summary,
        "media_content": _media,
        **dict.fromkeys(
            ("media_thumbnail", "media_credit", "media_rating", "media_player"), _nothing
        ),
    }
