"""The command `sources list`: what is watched, and how it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from store import Source
from store import Subscription as AtHub
from store.condition import Condition, conditions, is_polled, moved_address
from watcher.clock import utc_now
from watcher.commands.output import moment, out, write_json, write_table
from watcher.commands.reading import reading

_ROOMY = 130
"""From so many columns on, reasons stand in the table and do not tear its lines."""


def show(given: Path | None, *, json: bool) -> None:
    """Write each source, its health, and when it is read next."""
    with reading(given) as database:
        sources = database.sources()
        hubs = {one.source: one for one in database.subscriptions()}
    now = utc_now()
    found = conditions(sources, now)
    if json:
        write_json([_as_json(source, of, hubs.get(source.name), now) for source, of in found])
        return
    if out().width < _ROOMY:
        _show_narrow(found, hubs, now)
        return
    rows = [
        (
            source.name,
            source.spec.kind,
            str(of),
            str(source.entries),
            moment(source.newest_at),
            moment(source.succeeded_at),
            _next(source, hubs.get(source.name), now),
        )
        for source, of in found
    ]
    headings = ("source", "kind", "state", "entries", "brought last", "read last", "read next")
    write_table(headings, rows, empty="There are no sources.")


def _show_narrow(
    found: Sequence[tuple[Source, Condition]], hubs: Mapping[str, AtHub], now: datetime
) -> None:
    """Write a line for each source, and below them why some are not simply well."""
    rows = [
        (
            source.name,
            of.state,
            str(source.entries),
            moment(source.newest_at),
            _next(source, hubs.get(source.name), now),
        )
        for source, of in found
    ]
    headings = ("source", "state", "entries", "brought last", "read next")
    write_table(headings, rows, empty="There are no sources.")
    for source, of in found:
        if of.words and of.state != "inbox":
            out().print(f"\n[bold]{source.name}[/] {escape(str(of))}")


def _next(source: Source, hub: AtHub | None, now: datetime) -> str:
    if not is_polled(source):
        return "–"
    pushed = hub is not None and hub.is_held(now)
    return moment(source.next_poll_at) + (", or pushed" if pushed else "")


def _as_json(
    source: Source, found: Condition, hub: AtHub | None, now: datetime
) -> dict[str, object]:
    return {
        "state": found.state,
        "words": found.words,
        "troubled": found.troubled,
        "name": source.name,
        "kind": source.spec.kind,
        "address": source.spec.address,
        "enabled": source.spec.enabled,
        "gone": source.gone,
        "error": source.error,
        "failures": source.failures,
        "entries": source.entries,
        "added": source.added_at,
        "polled": source.polled_at,
        "succeeded": source.succeeded_at,
        "newest": source.newest_at,
        "moved_to": moved_address(source, now),
        "same_as": found.same_as,
        "next_poll": source.next_poll_at if is_polled(source) else None,
        "hub": hub
        and {
            "address": hub.hub,
            "until": hub.lease_until,
            "pushed": hub.pushed_at,
            "error": hub.error,
        },
    }
