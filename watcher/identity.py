"""Recognises articles that were seen under another guid: one article is one entry. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rules import Entry
from store import Known
from watcher.links import same_link

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
    same too; or if it has the very same text. A link that several have (a home
    page) tells nothing.
    """
    found = dict(known)
    shown = {entry.key for entry in entries}
    free = {one.id: one for one in alike if one.key not in shown}
    by_link = _alone((one.link, one) for one in alike if one.link)
    by_text = _alone((one.sha256, one) for one in alike)
    links = Counter(same_link(entry.url) for entry in entries)
    for entry in entries:
        if entry.key in known:
            continue
        link = same_link(entry.url)
        linked = by_link.get(link) if links[link] == 1 else None
        told = by_text.get(entry.sha256) if _tells(entry) else None
        for one in (linked, told):
            if one is not None and one.id in free and (one is told or _same(one, entry)):
                found[entry.key] = free.pop(one.id)
                break
    return found


def _tells(entry: Entry) -> bool:
    return len(entry.title) + len(entry.summary) + len(entry.text) >= _TELLING


def _same(one: Known, entry: Entry) -> bool:
    if one.published is not None and one.published == entry.published:
        return True
    return " ".join(one.title.casefold().split()) == " ".join(entry.title.casefold().split())


def _alone(pairs: Iterable[tuple[str, Known]]) -> dict[str, Known]:
    """Return what has a name that nothing else has, by that name."""
    found: dict[str, list[Known]] = {}
    for name, one in pairs:
        found.setdefault(name, []).append(one)
    return {name: ones[0] for name, ones in found.items() if len(ones) == 1}
