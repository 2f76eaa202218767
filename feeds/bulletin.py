"""The desk's own health feed: what happened to sources, endpoints and files, as items."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from feeds.address import LIVE, Part
from feeds.catalogue import HEALTH, Catalogue
from feeds.clean import one_line, shortened
from feeds.items import Channel, Item, channel_of
from store import Event, event_id

_LONGEST = 2000
_HEADLINES = {
    "source.failing": "Source {} wants a look",
    "source.recovered": "Source {} is well again",
    "endpoint.disabled": "Endpoint {} is disabled",
    "endpoint.enabled": "Endpoint {} is enabled again",
    "desk.refused": "{} was refused",
    "desk.mended": "{} is mended",
}
_ADVICE = {
    "source.failing": "tocsin sources check {}",
    "endpoint.disabled": "tocsin endpoints enable {}",
    "desk.refused": "tocsin check",
}
"""The command that helps on."""


def bulletin(events: Iterable[Event], catalogue: Catalogue, most: int = LIVE) -> Channel:
    """Return the health feed with *events*, newest first, ready to be rendered.

    No hub tells of it, and there are no archives.
    """
    home = f"{catalogue.base}/{HEALTH}"
    items = (_item(event, catalogue, home) for event in events)
    part = Part(name=HEALTH, most=most)
    return channel_of(catalogue.health, part, items, catalogue, home)


def headline(event: Event) -> str:
    """Return *event* in a few words.

    >>> from datetime import UTC, datetime
    >>> headline(Event(kind="source.failing", about="rpp", words="", at=datetime.now(UTC)))
    'Source rpp wants a look'
    """
    return _HEADLINES[event.kind].format(one_line(event.about))


def advice(event: Event) -> str:
    """Return the command that helps on; "" where nothing is to be done."""
    return _ADVICE.get(event.kind, "").format(one_line(event.about))


def _item(event: Event, catalogue: Catalogue, home: str) -> Item:
    identity = event_id(event)
    words = shortened(one_line(event.words), _LONGEST)
    command = advice(event)
    parts = [f"<p>{escape(words)}</p>" if words else ""]
    parts.append(f"<p><code>{escape(command)}</code></p>" if command else "")
    return Item(
        id=f"urn:uuid:{identity}",
        details={"event": event.kind, "about": event.about, "words": words},
        title=headline(event),
        html="".join(parts),
        link=f"{home}#{identity}",
        page=f"{home}#{identity}",
        authors=(),
        topics=((event.kind, event.kind),),
        language="en",
        source=one_line(catalogue.site.title) or "tocsin",
        source_page=home,
        published=event.at,
        updated=event.at,
    )
