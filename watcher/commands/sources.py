"""The commands about sources: list, import, export, check."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from feeds.opml import OpmlError, Subscription, parse_opml, render_opml
from rules import DeskError
from store import Source, SourceSpec
from store import Subscription as AtHub
from store.condition import condition, is_polled, moved_address
from watcher.app import opened, utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import err, moment, out, write_json, write_table
from watcher.commands.reading import reading
from watcher.desk import find_desk, read_desk, shown
from watcher.fetch import FetchError
from watcher.gather import Gathered
from watcher.logs import set_up_logs
from watcher.models import did_you_mean
from watcher.parse import ParseError
from watcher.sources import FILE, checked_sources, read_sources

_AT_ONCE = 32
_LONGEST_NAME = 40


def show(given: Path | None, *, json: bool) -> None:
    """Write each source, its health, and when it is read next."""
    with reading(given) as database:
        sources = database.sources()
        hubs = {one.source: one for one in database.subscriptions()}
    now = utc_now()
    if json:
        write_json([_as_json(source, hubs.get(source.name), now) for source in sources])
        return
    rows = [
        (
            source.name,
            source.spec.kind,
            str(condition(source, now)),
            str(source.entries),
            moment(source.newest_at),
            moment(source.succeeded_at),
            _next(source, hubs.get(source.name), now),
        )
        for source in sources
    ]
    headings = ("source", "kind", "state", "entries", "brought last", "read last", "read next")
    write_table(headings, rows, empty="There are no sources.")


def _next(source: Source, hub: AtHub | None, now: datetime) -> str:
    if not is_polled(source):
        return "–"
    pushed = hub is not None and hub.is_held(now)
    return moment(source.next_poll_at) + (", or pushed" if pushed else "")


def _as_json(source: Source, hub: AtHub | None, now: datetime) -> dict[str, object]:
    found = condition(source, now)
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
        "next_poll": source.next_poll_at if is_polled(source) else None,
        "hub": hub
        and {
            "address": hub.hub,
            "until": hub.lease_until,
            "pushed": hub.pushed_at,
            "error": hub.error,
        },
    }


def import_opml(given: Path | None, file: Path, *, json: bool) -> None:
    """Add the feeds that the OPML *file* lists to sources.yaml, whole or not at all."""
    folder = find_desk(given, os.environ, Path.cwd())
    path = folder / FILE
    have = read_sources(folder, shown(path))
    try:
        listed = parse_opml(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except OpmlError as error:
        raise UsageError(f"{file}: {error}") from error
    known = {spec.address for spec in have}
    new = [feed for feed in listed if feed.url not in known]
    names = {spec.name for spec in have}
    added = []
    for feed in new:
        name = free_name(feed, names)
        names.add(name)
        added.append((name, feed))
    if added:
        append_sources(folder, path, added)
    if json:
        rows = [{"name": name, "url": feed.url} for name, feed in added]
        write_json({"added": rows, "known": len(listed) - len(new)})
        return
    for name, feed in added:
        out().print(f"added {name}: {escape(feed.url)}", soft_wrap=True)
    out().print(f"{len(added)} added, {len(listed) - len(new)} known already")


def append_sources(
    folder: Path, path: Path, added: list[tuple[str, Subscription]], *, allow_private: bool = False
) -> None:
    """Write the new sources behind the old ones; comments and layout stay as they are."""
    before = path.read_text("utf-8") if path.is_file() else "version: 1\nsources:\n"
    if not re.search(r"^sources:[ \t]*(#.*)?$", before, re.MULTILINE):
        raise UsageError(
            f"{shown(path)} holds its list in a form that cannot be added to; "
            "begin each source on a line of its own below `sources:`"
        )
    dash = re.search(r"^sources:.*?^([ ]*)- ", before, re.MULTILINE | re.DOTALL)
    indent = dash[1] if dash else "  "
    lines = [line for name, feed in added for line in _lines(name, feed, indent)]
    if allow_private:
        lines.append(f"{indent}  allow_private: true")
    after = before.rstrip("\n") + "\n" + "\n".join(lines) + "\n"
    try:
        checked_sources(folder, shown(path), after.encode())
    except DeskError as error:
        raise UsageError(f"nothing was written: {error.problems[0].message}") from error
    new = path.with_name(f".{path.name}.new")
    new.write_text(after, "utf-8")
    new.replace(path)


def _lines(name: str, feed: Subscription, indent: str) -> Iterable[str]:
    yield f"{indent}- name: {name}"
    yield f"{indent}  kind: feed"
    yield f"{indent}  url: {_quoted(feed.url)}"
    if feed.language:
        yield f"{indent}  lang: {_quoted(feed.language)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def free_name(feed: Subscription, taken: set[str]) -> str:
    """Return a name for the feed, made of its title, that no other source has."""
    ascii_title = unicodedata.normalize("NFKD", feed.title).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", ascii_title.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    name = name or "feed"
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def export(given: Path | None) -> None:
    """Write the web feeds of the desk as OPML to standard output."""
    state = read_desk(find_desk(given, os.environ, Path.cwd()), os.environ)
    feeds = [
        Subscription(title=spec.name, url=spec.address, language=spec.lang)
        for spec in state.sources
        if spec.kind == "feed" and "://" in spec.address
    ]
    sys.stdout.buffer.write(render_opml(state.settings.site.title, feeds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a source shows now: how many entries, or why none."""

    source: str
    entries: int = 0
    newest: str = ""
    error: str = ""
    odd: str = ""


def check(given: Path | None, names: list[str], *, json: bool) -> None:
    """Ask each source now, storing nothing; exit 1 when one cannot be read."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    checked = asyncio.run(_check(folder, names))
    failed = [one for one in checked if one.error or one.odd]
    if json:
        keys = ("source", "entries", "newest", "error", "odd")
        write_json([{key: getattr(one, key) for key in keys} for one in checked])
    else:
        rows = [
            (one.source, str(one.entries), one.newest, one.error or one.odd or "well")
            for one in checked
        ]
        write_table(("source", "entries", "newest", ""), rows, empty="There are no sources.")
        if failed:
            err().print(f"{len(failed)} of {len(checked)} want a look")
    if failed:
        sys.exit(1)


async def _check(folder: Path, names: list[str]) -> list[Checked]:
    async with opened(folder, os.environ) as app:
        wanted = _wanted(app.state.sources, names)
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(spec: SourceSpec) -> Checked:
            async with room:
                now = utc_now()
                # As if it were new: no validators, so that it has to show what it has.
                fresh = Source(spec=spec, added_at=now, next_poll_at=now)
                try:
                    gathered = await app.gatherer.gather(fresh, now)
                except (FetchError, ParseError) as error:
                    return Checked(source=spec.name, error=str(error))
                dates = [entry.published for entry in gathered.entries if entry.published]
                return Checked(
                    source=spec.name,
                    entries=len(gathered.entries),
                    newest=moment(max(dates, default=None)),
                    error=gathered.error,
                    odd=_odd(app.database.source(spec.name), gathered, now),
                )

        return list(await asyncio.gather(*map(one, wanted)))


def _odd(source: Source | None, gathered: Gathered, now: datetime) -> str:
    """Return what is odd about a source that can be read: it is empty, silent or overrun."""
    if source is None:
        return ""
    if not gathered.entries and source.entries:
        return "it shows nothing, and did once; look at it"
    found = condition(source, now)
    return str(found) if found.troubled and not source.error else ""


def _wanted(specs: Iterable[SourceSpec], names: list[str]) -> list[SourceSpec]:
    known = {spec.name: spec for spec in specs if spec.kind != "inbox"}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no source `{name}`; {did_you_mean(name, known)}")
    return [known[name] for name in names] or [spec for spec in known.values() if spec.enabled]
