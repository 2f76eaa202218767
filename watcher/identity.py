"""Recognises articles that were seen under another guid: one article is one entry. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from rules import Entry
from store import Known
from watcher.links import same_link

N = TypeVar("N", bound=Hashable)

_TELLING = 100
"""So many characters of title and text tell one article from another without a link."""


def wanted(
    entries: Sequence[Entry], known: Mapping[str, Known]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the links and the digests by which entries of unknown key may be stored already."""
    unknown = [entry for entry in entries if entry.key not in known]
    links = [same_link(entry.url) for entry in unknown if entry.url]
    digests = [entry.sha256 for entry in unknown if _tells(entry)]
    return tuple(dict.fromkeys(links)), tuple(dict.fromkeys(digests))


def recognised(
    entries: Sequence[Entry], known: Mapping[str, Known], alike: Sequence[Known]
) -> dict[str, Known]:
    """Return what is known of *entries* by their present keys.

    An entry of unknown key is one of those *alike* that the source shows no
    longer under its own key, if it has the same link, and title or date are the
    same too; or if it has the very same text. With a link that several have (a
    home page), title and date must both be the same.
    """
    found = dict(known)
    shown = {entry.key for entry in entries}
    free = {one.id: one for one in alike if one.key not in shown}
    by_link = _alone((one.link, one) for one in alike if one.link)
    by_text = _alone((one.sha256, one) for one in alike)
    dated = [one for one in alike if one.link and one.published]
    by_all = _alone((_all_of(one.link, one), one) for one in dated)
    links = Counter(same_link(entry.url) for entry in entries)
    for entry in entries:
        if entry.key in known:
            continue
        link = same_link(entry.url)
        linked = by_link.get(link) if links[link] == 1 else None
        told = by_text.get(entry.sha256) if _tells(entry) else None
        alike_in_all = by_all.get(_all_of(link, entry))
        for one in (linked, told, alike_in_all):
            if one is not None and one.id in free and (one is not linked or _same(one, entry)):
                found[entry.key] = free.pop(one.id)
                break
    return found


def _tells(entry: Entry) -> bool:
    return len(entry.title) + len(entry.summary) + len(entry.text) >= _TELLING


def _same(one: Known, entry: Entry) -> bool:
    if one.published is not None and one.published == entry.published:
        return True
    return _plain(one.title) == _plain(entry.title)


def _all_of(link: str, one: Known | Entry) -> tuple[str, str, datetime | None]:
    return link, _plain(one.title), one.published


def _plain(title: str) -> str:
    return " ".join(title.casefold().split())


def _alone(pairs: Iterable[tuple[N, Known]]) -> dict[N, Known]:
    """Return what has a name that nothing else has, by that name."""
    found: dict[N, list[Known]] = {}
    for name, one in pairs:
        found.setdefault(name, []).append(one)
    return {name: ones[0] for name, ones in found.items() if len(ones) == 1}
