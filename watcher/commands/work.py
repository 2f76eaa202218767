"""The commands that do one round of work: poll and ingest."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from rich.markup import escape

from rules import Entry
from store import Source
from watcher.app import App, opened
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import err, out, progress, write_json, write_table
from watcher.desk import find_desk
from watcher.fetch import FetchError, fetch_page
from watcher.logs import set_up_logs
from watcher.loop import run as on_loop
from watcher.models import did_you_mean
from watcher.parse import (
    Document,
    ParseError,
    is_page,
    parse_article,
    parse_document,
)
from watcher.parse.articles import SUFFIXES
from watcher.poll import Polled

_AT_ONCE = 32
_PATIENCE = timedelta(minutes=1)


def poll(given: Path | None, source: str | None, *, everything: bool, json: bool) -> None:
    """Look at the due sources, one source, or all; send what is due; exit 1 when one failed."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    found, arrived = on_loop(_poll(folder, source, everything=everything))
    _told(found, arrived, json=json, nothing="No source is due.")


async def _poll(folder: Path, name: str | None, *, everything: bool) -> tuple[list[Polled], int]:
    async with opened(folder, os.environ) as app:
        if name is not None:
            _known(app, name)
        names = [name] if name else _names(app, everything=everything)
        found = await polled(app, names, due_only=not (everything or name))
        return found, await _drained(app)


async def polled(app: App, names: Sequence[str], *, due_only: bool) -> list[Polled]:
    """Look at these sources, some at once; return what came of it, by name."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(wanted: str) -> Polled | None:
        async with room:
            return await app.poller.poll(wanted, due_only=due_only)

    tasks = [asyncio.create_task(one(wanted)) for wanted in names]
    for done in progress(asyncio.as_completed(tasks), "polling", len(tasks)):
        with suppress(Exception):  # raised below, when all the others have had their turn
            await done
    found = [task.result() for task in tasks]
    return sorted(filter(None, found), key=lambda one: one.source)


def _names(app: App, *, everything: bool) -> Sequence[str]:
    if not everything:
        return [name for name, _ in app.database.due_sources(utc_now(), 1_000_000)]
    return [spec.name for spec in app.state.sources if spec.enabled and spec.kind != "inbox"]


def _known(app: App, name: str) -> Source:
    source = app.database.source(name)
    if source is None or name not in {spec.name for spec in app.state.sources}:
        names = [spec.name for spec in app.state.sources]
        raise UsageError(f"there is no source `{name}`; {did_you_mean(name, names)}")
    return source


async def _drained(app: App) -> int:
    await app.engine.settle(_PATIENCE)
    await app.be_alive()
    await app.forget()
    names = app.database.due_endpoints(utc_now())
    return sum(await asyncio.gather(*map(app.drainer.drain, names)))


def _told(polled: Sequence[Polled], arrived: int, *, json: bool, nothing: str) -> None:
    failed = [one for one in polled if one.error]
    if json:
        write_json(
            {
                "polled": [{"source": p.source, "error": p.error, **_counts(p)} for p in polled],
                "delivered": arrived,
            }
        )
    else:
        rows = [
            (p.source, *(str(count) for count in _counts(p).values()), p.error or "ok")
            for p in polled
        ]
        write_table(("source", "new", "revised", "matched", ""), rows, empty=nothing)
        if arrived:
            out().print(f"{arrived} deliveries accepted")
    if failed:
        sys.exit(1)


def _counts(polled: Polled) -> dict[str, int]:
    counts = asdict(polled.committed)
    return {name: counts[name] for name in ("new", "revised", "matched")}


def ingest(given: Path | None, articles: list[str], source: str, *, json: bool) -> None:
    """Take *articles* in for *source*, and send what that brings about; exit 1 when one is bad."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    polled, arrived, bad = on_loop(_ingest(folder, articles, source))
    for reason in bad:
        err().print(f"tocsin: {escape(reason)}", soft_wrap=True)
    _told([polled] if polled else [], arrived, json=json, nothing="Nothing was taken in.")
    if bad:
        sys.exit(1)


async def _ingest(
    folder: Path, articles: list[str], name: str
) -> tuple[Polled | None, int, list[str]]:
    async with opened(folder, os.environ) as app:
        source = _known(app, name)
        entries: dict[str, Entry] = {}
        bad = []
        for article in articles:
            try:
                entries.update({entry.key: entry for entry in await _entries(app, source, article)})
            except (ParseError, FetchError, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                bad.append(f"{article}: {reason}")
        polled = await app.poller.push(name, tuple(entries.values())) if entries else None
        if entries and polled is None:
            bad.append(f"the source {name} is being polled at this moment; try again")
        return polled, await _drained(app), bad


async def _entries(app: App, source: Source, article: str) -> tuple[Entry, ...]:
    if "://" in article:
        allowed = source.spec.allow_private
        document = await fetch_page(app.outgoing, article, allow_private=allowed, written=article)
        kind = "page" if is_page(document) else "feed"
        return (await app.readers.call(parse_document, kind, document)).entries
    path = Path(article)
    data = await app.bridge(path.read_bytes)
    if path.suffix.lower() in SUFFIXES:
        return (parse_article(path.name, data),)
    document = Document(address=article, body=data)
    return (await app.readers.call(parse_document, "feed", document)).entries
