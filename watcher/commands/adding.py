"""The command sources add: finds the feed behind an address, and shows what it would bring."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

from rich.markup import escape

from feeds.opml import Subscription
from store import same_address
from watcher.app import App, opened
from watcher.commands.errors import UsageError
from watcher.commands.opml import append_sources, free_name
from watcher.commands.output import moment, out, write_json
from watcher.desk import find_desk, shown
from watcher.discover import Discoverer, Found
from watcher.fetch import FetchError
from watcher.hosts import host_of
from watcher.logs import set_up_logs
from watcher.parse import ParseError
from watcher.sources import FILE, read_sources

_SHOWN = 5


def add(
    given: Path | None, address: str, name: str, *, allow_private: bool, dry: bool, json: bool
) -> None:
    """Add the feed at or behind *address* to sources.yaml, unless *dry*; show what it brings."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    found, matched = asyncio.run(_look(folder, address, allow_private=allow_private))
    best, *others = found
    path = folder / FILE
    have = read_sources(folder, shown(path))
    own = same_address(best.address)
    if known := [spec.name for spec in have if same_address(spec.address) == own]:
        raise UsageError(f"{best.address}: the desk watches it already, as {known[0]}")
    feed = Subscription(
        title=name or best.title or host_of(best.address), url=best.address, language=best.lang
    )
    chosen = free_name(feed, {spec.name for spec in have})
    if name and chosen != name:
        raise UsageError(f"the name `{name}` is taken, or not one of a-z, 0-9 and -")
    if not dry:
        append_sources(folder, path, [(chosen, feed)], allow_private=allow_private)
    if json:
        write_json(
            {
                "name": chosen,
                "url": best.address,
                "title": best.title,
                "added": not dry,
                "entries": len(best.entries),
                "matches": matched,
                "others": [one.address for one in others],
            }
        )
        return
    _tell(best, chosen, matched, others, dry=dry)


def _tell(
    best: Found, name: str, matched: dict[str, int], others: list[Found], *, dry: bool
) -> None:
    verb = "would add" if dry else "added"
    out().print(f"{verb} {name}: {escape(best.address)}", soft_wrap=True)
    count = f"{len(best.entries)} {'entry' if len(best.entries) == 1 else 'entries'}"
    out().print(f"{escape(best.title or name)}: {count} now, the latest:")
    for entry in best.entries[:_SHOWN]:
        line = f"  {moment(entry.dated)}  {entry.title or entry.url}"
        out().print(escape(line), soft_wrap=True)
    said = ", ".join(f"{rule} {count}" for rule, count in matched.items())
    out().print(
        f"Rules that match some of them: {said}" if said else "No rule matches any of them."
    )
    for one in others:
        line = f"Also there: {one.address} ({one.title}, {len(one.entries)} entries)"
        out().print(escape(line), soft_wrap=True)


async def _look(
    folder: Path, address: str, *, allow_private: bool
) -> tuple[tuple[Found, ...], dict[str, int]]:
    async with opened(folder, os.environ) as app:
        discoverer = Discoverer(app.outgoing, app.readers, allow_private=allow_private)
        written = address if "://" in address else f"https://{address}"
        try:
            found = await discoverer.found(written)
        except (FetchError, ParseError) as error:
            raise UsageError(f"{written}: {error}") from error
        return found, await app.bridge(_matched, app, found[0])


def _matched(app: App, found: Found) -> dict[str, int]:
    rules = app.state.book.rules
    matches = (match.rule for entry in found.entries for match in rules.match(entry))
    return dict(Counter(matches).most_common())
