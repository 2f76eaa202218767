"""What the quick reader is sure of: what feedparser calls an element, and reads in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from xml.sax.saxutils import escape

from feedparser.mixin import _FeedParserMixin
from lxml import etree

RSS1 = "http://purl.org/rss/1.0/"
ATOM = "http://www.w3.org/2005/Atom"
XHTML = "http://www.w3.org/1999/xhtml"
KNOWN = {uri.lower(): prefix for uri, prefix in _FeedParserMixin.namespaces.items()}
"""The namespaces that feedparser knows, and what it calls them: asked, not repeated."""

PLAIN = frozenset({"", RSS1, ATOM})
"""Of the namespaces whose elements feedparser knows without a prefix, those that we take."""

TELLING = frozenset({"base", "lang", "href", "lastmod"})
"""Attributes that mean something to feedparser wherever they stand, whatever their namespace."""

_LINK = TELLING | {"rel", "type", "url", "uri"}
_SIGN = re.compile("[\x80-\xbf]")
_ODD = re.compile("[\x80-\x9f]|[\xc2-\xf4][\x80-\xbf]")
"""Characters of Windows-1252, and UTF-8 that was encoded twice: feedparser repairs both.
Each holds a _SIGN, which is found sooner and which most texts do not hold."""

_SLASHES = re.compile(r"^[A-Za-z][A-Za-z0-9+-.]*:///")
_REFERENCE = re.compile("&[A-Za-z0-9_]+;")
_TEXTS = frozenset({"text", "html", "text/plain", "text/html"})
_READ = frozenset(
    {
        *("title", "title_detail", "link", "links", "content", "summary", "summary_detail"),
        *("author", "authors", "tags", "id", "guidislink", "language", "ttl"),
        *("published_parsed", "updated_parsed", "created_parsed", "image", "textinput"),
        *("sy_updateperiod", "sy_updatefrequency", "items", "entries", "channel", "feed"),
    }
)
"""What would change an entry or a feed if an element that feedparser does not know were called so."""


class DoubtfulError(Exception):
    """The document holds something of which this reader is not sure."""


def sure(certain: bool) -> None:  # noqa: FBT001
    """Raise DoubtfulError where something is not *certain*."""
    if not certain:
        raise DoubtfulError


@lru_cache(maxsize=4096)
def called(tag: str) -> str:
    """Return what feedparser calls an element, as `dc_date`; "" for one that tells it nothing."""
    uri, _, local = tag.rpartition("}")
    uri, local = uri[1:], local.lower()
    if uri in PLAIN:
        name = local
    elif uri.lower() in KNOWN:
        name = f"{KNOWN[uri.lower()]}_{local}"
    else:
        # Its prefix may be any that is not known; what we read has no such name.
        return "" if local not in {"detail", "parsed"} else "?"
    heard = hasattr(_FeedParserMixin, f"_start_{name}") or hasattr(_FeedParserMixin, f"_end_{name}")
    return name if heard or name in _READ or uri in PLAIN else ""


def childless(element: etree._Element) -> None:
    """Be sure that nothing stands in *element* that feedparser would hear."""
    for inner in element.iterdescendants():
        sure(called(inner.tag) == "")


def text_of(element: etree._Element) -> str:
    """Return the text of an element that holds nothing else."""
    sure(len(element) == 0)
    return settled(element.text)


def settled(text: str | None) -> str:
    """Return *text* without white space around it, where feedparser would change no more."""
    if not text:
        return ""
    text = text.strip()
    sure(text.isascii() or not _is_odd(text))
    return text


def _is_odd(text: str) -> bool:
    return bool(_SIGN.search(text)) and bool(_ODD.search(text))


def address_of(text: str) -> str:
    """Return an address that feedparser would leave as it is."""
    sure(not _SLASHES.match(text))
    return text


def bare(element: etree._Element) -> None:
    """Be sure that *element* has no attributes."""
    sure(not element.keys())


def markup(element: etree._Element) -> str:
    """Return what stands in an element: text, markup as text, or elements of XHTML."""
    kind = "text"
    for name, value in element.items():
        sure(name == "type")
        kind = value.lower()
    if kind == "xhtml":
        return _written_out(element)
    sure(kind in _TEXTS)
    return text_of(element)


def _written_out(element: etree._Element) -> str:
    """Return elements of XHTML as feedparser writes them out, without a `div` that holds them all."""
    sure(element.getroottree().getroot().tag == f"{{{ATOM}}}feed")  # elsewhere it is left
    pieces = [*_pieces(element)]
    while len(pieces) > 1 and not pieces[-1].strip():
        del pieces[-1]
    while len(pieces) > 1 and not pieces[0].strip():
        del pieces[0]
    if pieces and pieces[0].startswith(("<div>", "<div ")) and pieces[-1] == "</div>":
        depth = 0
        for piece in pieces[:-1]:
            depth += piece.startswith("<") - 2 * piece.startswith("</")
            if depth == 0:
                break
        else:
            pieces = pieces[1:-1]
    return settled("".join(pieces))


def _pieces(element: etree._Element) -> Iterator[str]:
    if element.text:
        yield escape(element.text)
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if inner is element:
            continue
        tag = inner.tag.removeprefix(f"{{{XHTML}}}").lower()
        if event == "start":
            sure("}" not in tag and inner.tag != tag and tag not in {"svg", "math", "body"})
            yield f"<{tag}{''.join(map(_attribute, inner.items()))}>"
            if inner.text:
                yield escape(inner.text)
        else:
            yield f"</{tag}>"
            if inner.tail:
                yield escape(inner.tail)


def _attribute(pair: tuple[str, str]) -> str:
    name, value = pair[0].lower(), pair[1]
    sure("}" not in name)
    value = value.lower() if name in {"rel", "type"} else value
    return ' {}="{}"'.format(name, escape(value, {'"': "&quot;"}))


def linked(element: etree._Element) -> tuple[str, str]:
    """Return relation and address of a link that has them as attributes."""
    given = element.attrib
    for name in given:
        sure(name.startswith("{") or name in {"href", "rel", "type", "title", "hreflang", "length"})
        sure(not name.startswith("{") or name.rpartition("}")[2].lower() not in _LINK)
    sure("href" in given and given["href"] != "" and (given.get("type") != ""))
    href = given["href"]
    sure(not _is_odd(href))
    return given.get("rel", "alternate").lower(), address_of(href)
