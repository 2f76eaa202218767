"""A feed and its items as every format shows them: cleaned once, so that no format has to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import msgspec

from feeds.address import Part
from feeds.catalogue import Catalogue
from feeds.clean import language, one_line, plain, shortened, untagged, web_link
from feeds.highlight import Segment, excerpts_of
from rules import Rule
from store import Feed, Published, Span, rfc3339

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""When a feed changed that never held anything: the same at every look, and not implausible."""

_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
"""There was no web before; validators call earlier dates implausible."""

_MICROSECOND = timedelta(microseconds=1)
_EXCERPTS = 5
_NAMED = 5
_LONGEST_TITLE = 500
_LONGEST_NAME = 200
_LEAD = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A match, or another piece of news, as an item of a feed.

    All texts are legal in XML; *html* is escaped already, and *details* are for programs.

    *link* leads to the article, or to the match's page where it has no
    address. *topics* are (term, label) of its rule and its tags.
    """

    id: str
    details: Mapping[str, Any]
    title: str
    html: str
    link: str
    page: str
    authors: tuple[str, ...]
    topics: tuple[tuple[str, str], ...]
    language: str
    source: str
    source_page: str
    published: datetime
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A part of a feed as every format shows it; *base* is the site's address.

    *identity* is the feed's id, the same in every part and at every address.
    *previous* is the archive of what was found before, *following* of what was
    found after an archive. *hubs* are the addresses of the WebSub hubs that tell
    of the feed's changes.
    """

    feed: Feed
    title: str
    description: str
    identity: str
    home: str
    base: str
    part: Part
    publisher: str
    language: str
    updated: datetime
    items: tuple[Item, ...]
    previous: Part | None = None
    following: Part | None = None
    hubs: tuple[str, ...] = ()

    def address(self, part: Part, ending: str) -> str:
        """Return the address of *part* in the format *ending*."""
        return f"{self.base}/{part.path(ending)}"

    @property
    def sheet(self) -> str:
        """Return the way from this document to its style sheet, right under any base address."""
        return f"{'../' * self.part.path('').count('/')}static/feed.css"


def channel(
    feed: Feed,
    part: Part,
    span: Span,
    catalogue: Catalogue,
    now: datetime,
    kept: KeptItems | None = None,
) -> Channel:
    """Return *part* of *feed* with the matches of *span*, ready to be rendered at *now*.

    Items that are *kept* are not made again.
    """
    made = kept or _item
    home = "" if feed.name == "all" else f"topics/{feed.name}"
    items = _in_the_past([made(match, catalogue) for match in span.matches], now)
    whole = channel_of(feed, part, items, catalogue, f"{catalogue.base}/{home}")
    return replace(
        whole,
        previous=previous(part, span),
        following=_following(part, now),
        hubs=catalogue.hubs if part == part.live else (),  # which know no other
    )


def channel_of(
    feed: Feed, part: Part, items: Iterable[Item], catalogue: Catalogue, home: str
) -> Channel:
    """Return *part* of *feed* with *items*, newest first, whose page is at *home*."""
    items = tuple(items)
    site = catalogue.site
    languages = site.languages
    title = untagged(feed.title) or feed.name
    publisher = untagged(site.title) or "tocsin"
    return Channel(
        feed=feed,
        title=title,
        description=untagged(feed.description) or f"What {publisher} found: {title}",
        identity=f"{site.base_url}/{Part(name=feed.name).path('atom')}",
        home=home,
        base=catalogue.base,
        part=part,
        publisher=publisher,
        language=language(languages[0]) if len(languages) == 1 else "",
        updated=max((item.updated for item in items), default=NEVER),
        items=items,
    )


def previous(part: Part, span: Span) -> Part | None:
    """Return the archive of what was found before what *part* shows, which is *span*."""
    if span.earlier is None:
        return None
    whole = Part.month(part.name, span.earlier)
    if span.reached is None or whole == Part.month(part.name, span.reached):
        return Part.before(part.name, span.earlier + _MICROSECOND)
    return whole


def _following(part: Part, now: datetime) -> Part | None:
    return Part.month(part.name, part.until) if part.until and part.until <= now else None


def _in_the_past(items: list[Item], now: datetime) -> list[Item]:
    """Return *items*, none changed after *now*: where a clock ran ahead, some say so."""
    late = sum(item.updated > now for item in items)
    return [
        replace(item, updated=now - index * _MICROSECOND, published=min(item.published, now))
        for index, item in enumerate(items[:late])
    ] + items[late:]


def _item(match: Published, catalogue: Catalogue) -> Item:
    base = catalogue.base
    entry = match.entry
    rule = catalogue.rules.get(match.rule)
    page = f"{base}/matches/{match.id}"
    begin = (entry.title, entry.summary[:_LEAD], entry.text[:_LEAD])
    title = next(filter(None, map(untagged, begin)), "(untitled)")
    authors = tuple(
        shortened(name, _LONGEST_NAME) for name in filter(None, map(untagged, entry.authors))
    )
    return Item(
        id=f"urn:uuid:{match.id}",
        details=_details(match, page),
        title=shortened(title, _LONGEST_TITLE),
        html=_html(match, rule, page),
        link=web_link(entry.url) or page,
        page=page,
        authors=authors,
        topics=tuple(_topics(match, rule)),
        language=language(entry.lang),
        source=one_line(entry.source),
        source_page=f"{catalogue.site.base_url}/sources#{entry.source}",
        published=_published(match),
        updated=match.updated_at,
    )


class KeptItems:
    """Items of matches as they were made: a feed that changed shows mostly what it showed before.

    A match that changes has another `updated_at`, and a desk that does another
    catalogue. Safe for several threads.
    """

    def __init__(self, most: int = 2_000) -> None:
        self._most = most
        self._catalogue: Catalogue | None = None
        self._kept: dict[str, tuple[Catalogue, datetime, Item]] = {}

    def __call__(self, match: Published, catalogue: Catalogue) -> Item:
        """Return the item of *match*."""
        if catalogue is not self._catalogue or len(self._kept) >= self._most:
            self._catalogue, self._kept = catalogue, {}  # nothing keeps a desk that was edited
        found = self._kept.get(match.id)
        if found and found[0] is catalogue and found[1] == match.updated_at:
            return found[2]
        item = _item(match, catalogue)
        self._kept[match.id] = catalogue, match.updated_at, item
        return item


def _published(match: Published) -> datetime:
    """Return when the article says that it appeared, where that can be true."""
    for said in (match.entry.published, match.entry.updated):
        if said is not None and _FIRST <= said <= match.matched_at:
            return said
    return match.matched_at


def _details(match: Published, page: str) -> Mapping[str, Any]:
    return {
        "seq": match.seq,
        "rule": {"id": match.rule, "version": match.version},
        "entry": match.entry_id,
        "source": one_line(match.entry.source),
        "matched": rfc3339(match.matched_at),
        "lost": match.lost,
        "match": page,
        "outlets": [
            {
                "source": one_line(outlet.source),
                "name": one_line(outlet.name),
                "title": one_line(outlet.title),
                "url": web_link(outlet.url),
                "seen": rfc3339(outlet.at),
            }
            for outlet in match.outlets
        ],
        "because": [
            {**msgspec.structs.asdict(place), "context": place.context} for place in match.because
        ],
    }


def _topics(match: Published, rule: Rule | None) -> Iterable[tuple[str, str]]:
    yield match.rule, untagged(rule.title if rule else "") or match.rule
    tags = (*(rule.tags if rule else ()), *match.entry.tags)
    for name in dict.fromkeys(filter(None, map(untagged, tags))):
        if name != match.rule:
            short = shortened(name, _LONGEST_NAME)
            yield short, short


def _html(match: Published, rule: Rule | None, page: str) -> str:
    """Return why it matched, quoted with its context, then how the article begins."""
    title = one_line(rule.title if rule else match.rule)
    parts = [f"<p><strong>Why it matched “{escape(title)}”:</strong></p>"]
    if match.lost:
        parts.append("<p>The article was edited and does not match any more. It did by:</p>")
    parts.extend(
        f"<blockquote><p>{''.join(map(_shown, excerpt.segments))}</p></blockquote>"
        for excerpt in excerpts_of(match, _EXCERPTS)
    )
    lead = match.entry.summary or match.entry.text
    parts.extend(
        f"<p>{escape(line)}</p>" for line in map(str.strip, _lead(lead).splitlines()) if line
    )
    authors = ", ".join(filter(None, map(one_line, match.entry.authors)))
    credit = " · ".join(filter(None, (one_line(match.entry.source), authors)))
    if match.outlets:
        parts.append(f"<p>{escape(also_in(match))}</p>")
    where = f'<a href="{escape(page)}">every place that matched</a>'
    parts.append(f"<p>{escape(credit)}{' · ' if credit else ''}{where}</p>")
    return "".join(parts)


def also_in(match: Published) -> str:
    """Return in which other outlets a story stands, in a line: the first, and how many they are.

    An outlet counts once, whatever it has of the story.
    """
    names = list(dict.fromkeys(one_line(outlet.name) for outlet in match.outlets))
    shown = ", ".join(names[:_NAMED])
    more = "" if len(names) <= _NAMED else ", …"
    return f"Also in: {shown}{more} (+{len(names)} outlet{'s' if len(names) > 1 else ''})"


def _lead(text: str) -> str:
    return shortened(plain(text).strip(), _LEAD)


def _shown(segment: Segment) -> str:
    text = escape(segment.text.replace("\n", " "))
    return f"<mark><strong>{text}</strong></mark>" if segment.terms else text
