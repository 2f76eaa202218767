"""A feed and its items as every format shows them: cleaned once, so that no format has to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec

from feeds.catalogue import Catalogue, Site
from feeds.clean import language, one_line, plain, shortened, web_link
from feeds.highlight import Segment, excerpts_of
from rules import Rule
from store import Feed, Published

LIVE = 100
"""How many matches a feed holds; its page and the store have the rest."""

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""When a feed changed that never held anything: the same at every look, and not implausible."""

_EXCERPTS = 5
_LONGEST_TITLE = 500
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
    """A feed as every format shows it; *address* is its own without the format's ending.

    *hubs* are the addresses of the WebSub hubs that tell of its changes.
    """

    feed: Feed
    title: str
    description: str
    home: str
    address: str
    publisher: str
    language: str
    updated: datetime
    items: tuple[Item, ...]
    hubs: tuple[str, ...] = ()


def channel(feed: Feed, matches: Iterable[Published], catalogue: Catalogue) -> Channel:
    """Return *feed* with *matches*, newest first, ready to be rendered."""
    home = "" if feed.name == "all" else f"topics/{feed.name}"
    items = (_item(match, catalogue) for match in matches)
    site = catalogue.site
    return channel_of(feed, items, site, f"{site.base_url}/{home}", catalogue.hubs)


def channel_of(
    feed: Feed, items: Iterable[Item], site: Site, home: str, hubs: tuple[str, ...] = ()
) -> Channel:
    """Return *feed* with *items*, newest first, whose page is at *home*."""
    items = tuple(items)
    languages = site.languages
    title = one_line(feed.title) or feed.name
    return Channel(
        feed=feed,
        title=title,
        description=one_line(feed.description) or f"What {one_line(site.title)} found: {title}",
        home=home,
        address=f"{site.base_url}/feeds/{feed.name}",
        publisher=one_line(site.title) or "tocsin",
        language=language(languages[0]) if len(languages) == 1 else "",
        updated=max((item.updated for item in items), default=NEVER),
        items=items,
        hubs=hubs,
    )


def _item(match: Published, catalogue: Catalogue) -> Item:
    base = catalogue.site.base_url
    entry = match.entry
    rule = catalogue.rules.get(match.rule)
    page = f"{base}/matches/{match.id}"
    title = one_line(entry.title) or one_line(entry.summary or entry.text) or "(untitled)"
    authors = tuple(filter(None, map(one_line, entry.authors)))
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
        source_page=f"{base}/sources#{entry.source}",
        published=entry.published or entry.updated or match.matched_at,
        updated=match.updated_at,
    )


def _details(match: Published, page: str) -> Mapping[str, Any]:
    return {
        "seq": match.seq,
        "rule": {"id": match.rule, "version": match.version},
        "entry": match.entry_id,
        "source": one_line(match.entry.source),
        "matched": rfc3339(match.matched_at),
        "lost": match.lost,
        "match": page,
        "because": [
            {**msgspec.structs.asdict(place), "context": place.context} for place in match.because
        ],
    }


def rfc3339(instant: datetime) -> str:
    """Return *instant* in UTC as RFC 3339 writes it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _topics(match: Published, rule: Rule | None) -> Iterable[tuple[str, str]]:
    yield match.rule, one_line(rule.title if rule else match.rule)
    for tag in dict.fromkeys((*(rule.tags if rule else ()), *match.entry.tags)):
        if name := one_line(tag):
            yield name, name


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
    where = f'<a href="{escape(page)}">every place that matched</a>'
    parts.append(f"<p>{escape(credit)}{' · ' if credit else ''}{where}</p>")
    return "".join(parts)


def _lead(text: str) -> str:
    return shortened(plain(text).strip(), _LEAD)


def _shown(segment: Segment) -> str:
    text = escape(segment.text.replace("\n", " "))
    return f"<mark><strong>{text}</strong></mark>" if segment.terms else text
