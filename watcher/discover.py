"""Finds the feed behind an address that a person gives: the feed itself, or a page that has one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

from feeds.outgoing import Outgoing
from rules import Entry
from watcher.fetch import FetchError, fetch_page
from watcher.parse import (
    Advertised,
    Document,
    Parsed,
    ParseError,
    advertised,
    is_page,
    parse_document,
)
from watcher.readers import Readers

_GUESSES = ("feed/", "rss.xml", "feed.xml", "atom.xml", "rss", "index.xml")
_COMMENTS = ("comment", "comentario")
_MOST_TRIED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A feed: where it is, what it calls itself, and what it shows now."""

    address: str
    title: str
    lang: str
    entries: tuple[Entry, ...]


class Discoverer:
    """Looks for feeds with the one door to the network and the readers of the desk."""

    def __init__(self, outgoing: Outgoing, readers: Readers, *, allow_private: bool) -> None:
        self._outgoing = outgoing
        self._readers = readers
        self._allow_private = allow_private

    async def found(self, address: str) -> tuple[Found, ...]:
        """Return the feeds at or behind *address*, the likeliest first.

        Raise FetchError where nothing answers, ParseError where there is no feed.
        """
        document = await self._get(address, address)
        if not is_page(document):
            return (await self._read(address, document, ""),)
        named = await self._readers.call(advertised, document)
        # The feed of the comments is never what is meant.
        ordered = sorted(named, key=_is_of_comments)
        found = await self._tried(address, ordered[:_MOST_TRIED])
        if not found:
            guesses = [Advertised(urljoin(document.address, guess)) for guess in _GUESSES]
            found = (await self._tried(address, guesses))[:1]
        if not found:
            raise ParseError(
                "no feed is advertised there, and none is at the usual places; "
                "give the feed's own address, or watch the page: kind: page"
            )
        return found

    async def _tried(self, written: str, candidates: list[Advertised]) -> tuple[Found, ...]:
        found: list[Found] = []
        for candidate in candidates:
            try:
                document = await self._get(candidate.address, written)
                found.append(await self._read(candidate.address, document, candidate.title))
            except (FetchError, ParseError):
                continue
        return tuple(found)

    async def _get(self, address: str, written: str) -> Document:
        allowed = self._allow_private
        return await fetch_page(self._outgoing, address, allow_private=allowed, written=written)

    async def _read(self, address: str, document: Document, title: str) -> Found:
        parsed: Parsed = await self._readers.call(parse_document, "feed", document)
        lang = next((entry.lang for entry in parsed.entries if entry.lang), "")
        return Found(
            address=address, title=parsed.title or title, lang=lang, entries=parsed.entries
        )


def _is_of_comments(one: Advertised) -> bool:
    said = f"{one.title} {one.address}".casefold()
    return any(word in said for word in _COMMENTS)
