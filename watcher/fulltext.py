"""Reads the articles that a feed links to, where its source asks for full texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from feeds.outgoing import Outgoing
from rules import Entry
from store import Known, Linked, Source
from watcher.fetch import FetchError, fetch_page
from watcher.hosts import Hosts, host_of
from watcher.parse import ParseError, article_text
from watcher.readers import Readers

MOST = 50
"""How many articles one poll reads; those left over are read at the next."""

PATIENCE = timedelta(days=1)
"""For so long an article that could not be had is asked for again at each poll."""

_ENOUGH = 2
"""After so many failures in a row that may pass, the rest waits for the next poll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """Entries with the better of their two texts, and what came of each one's article, by key."""

    entries: tuple[Entry, ...]
    linked: Mapping[str, Linked]

    @property
    def is_whole(self) -> bool:
        """Tell whether no article is still to be had."""
        return not any(one.missing for one in self.linked.values())


class FullTexts:
    """Reads articles, keeping to the manners of their hosts."""

    def __init__(self, outgoing: Outgoing, readers: Readers, hosts: Hosts) -> None:
        self._outgoing = outgoing
        self._readers = readers
        self._hosts = hosts

    async def completed(
        self, source: Source, entries: Sequence[Entry], known: Mapping[str, Known], now: datetime
    ) -> Completed:
        """Return those of *entries* that are new, edited or still without their article.

        Each has the longer of the feed's own text and the article's. An article
        that cannot be had leaves the feed's own text in its place, or in an edit
        the text that was stored.
        """
        found: list[Entry] = []
        linked: dict[str, Linked] = {}
        asked = failed = 0
        for entry in entries:
            before = known.get(entry.key)
            if before is not None and not _is_wanted(entry, before, now):
                continue
            text: str | None = None
            if entry.url and asked < MOST and failed < _ENOUGH:
                asked += 1
                text = await self._text(source, entry.url)
                failed = failed + 1 if text is None else 0
            missing = text is None and bool(entry.url)
            stored = before.present.text if before and before.present else ""
            one, other = _better(entry, text or (stored if missing else ""))
            found.append(one)
            linked[entry.key] = Linked(shown=entry.sha256, other=other, missing=missing)
        return Completed(entries=tuple(found), linked=linked)

    async def _text(self, source: Source, url: str) -> str | None:
        """Return the article's text, "" where it cannot be had, None where it may be had later."""
        allowed = source.spec.allow_private
        try:
            async with self._hosts.turn("" if allowed else host_of(url)):
                page = await fetch_page(
                    self._outgoing, url, allow_private=allowed, written=source.spec.address
                )
            return await self._readers.call(article_text, page)
        except FetchError as error:
            return None if error.passing else ""
        except ParseError:
            return ""


def _is_wanted(entry: Entry, before: Known, now: datetime) -> bool:
    if not before.says(entry):
        return True
    waiting = before.linked is not None and before.linked.missing
    return waiting and now - before.seen_at < PATIENCE


def _better(entry: Entry, article: str) -> tuple[Entry, str]:
    """Return *entry* with the longer text, and the other one."""
    if len(article) <= len(entry.text):
        return entry, article
    return replace(entry, summary=entry.summary or entry.text, text=article), entry.text
