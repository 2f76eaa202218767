"""What the store knows of the entries that sources show now, asked for many sources at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rules import Entry
from store import Known, Source
from store.database import Database
from watcher.identity import recognised, wanted


def recalled(
    database: Database, asked: Sequence[tuple[Source, Sequence[Entry]]]
) -> list[Mapping[str, Known]]:
    """Return what is stored of the entries of each source, under another guid too.

    It is given by their present keys; of those that changed with the present texts.
    """
    stored = database.known_each(
        [(source.name, [entry.key for entry in entries]) for source, entries in asked]
    )
    return [
        _with_texts(database, entries, _recognised(database, source, entries, known))
        for (source, entries), known in zip(asked, stored, strict=True)
    ]


def _recognised(
    database: Database, source: Source, entries: Sequence[Entry], known: Mapping[str, Known]
) -> Mapping[str, Known]:
    if source.succeeded_at is None:
        return known
    links, digests = wanted(entries, known)
    if not (links or digests):
        return known
    return recognised(entries, known, database.alike(source.name, links, digests))


def _with_texts(
    database: Database, entries: Sequence[Entry], known: Mapping[str, Known]
) -> Mapping[str, Known]:
    changed = {known[e.key].id for e in entries if e.key in known and _may_change(known[e.key], e)}
    if not changed:
        return known
    present = database.present(tuple(changed))
    return {key: replace(one, present=present.get(one.id)) for key, one in known.items()}


def _may_change(known: Known, entry: Entry) -> bool:
    return not known.says(entry) or (known.linked is not None and known.linked.missing)
