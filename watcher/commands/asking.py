"""The command `sources check`: each source is asked now, and nothing is stored."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from store import Source, SourceSpec
from store.condition import condition, read_at, same_as, same_feeds
from watcher.app import opened
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import err, moment, write_json, write_table
from watcher.desk import find_desk
from watcher.fetch import FetchError
from watcher.gather import Gathered
from watcher.logs import set_up_logs
from watcher.models import did_you_mean
from watcher.parse import ParseError

_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a source shows now: how many entries, or why none; *same_as* show the same."""

    source: str
    entries: int = 0
    newest: str = ""
    error: str = ""
    odd: str = ""
    same_as: tuple[str, ...] = ()


def check(given: Path | None, names: list[str], *, json: bool) -> None:
    """Ask each source now, storing nothing; exit 1 when one cannot be read."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    checked = asyncio.run(_check(folder, names))
    failed = [one for one in checked if one.error or one.odd]
    if json:
        write_json([asdict(one) for one in checked])
    else:
        rows = [(one.source, str(one.entries), one.newest, _words(one)) for one in checked]
        write_table(("source", "entries", "newest", ""), rows, empty="There are no sources.")
        if failed:
            err().print(f"{len(failed)} of {len(checked)} want a look")
    if failed:
        sys.exit(1)


def _words(one: Checked) -> str:
    """Return in words how a source is."""
    if one.error or one.odd:
        return one.error or one.odd
    return f"well; {same_as(one.same_as)}" if one.same_as else "well"


async def _check(folder: Path, names: list[str]) -> list[Checked]:
    async with opened(folder, os.environ) as app:
        wanted = _wanted(app.state.sources, names)
        stored = {source.name: source for source in app.database.sources()}
        room = asyncio.Semaphore(_AT_ONCE)
        now = utc_now()
        read = {name: read_at(source, now) for name, source in stored.items()}

        async def one(spec: SourceSpec) -> Checked:
            async with room:
                # As if it were new: no validators, so that it has to show what it has.
                fresh = Source(spec=spec, added_at=now, next_poll_at=now)
                try:
                    gathered = await app.gatherer.gather(fresh, utc_now())
                except (FetchError, ParseError) as error:
                    return Checked(source=spec.name, error=str(error))
                read[spec.name] = gathered.moved_to or spec.address
                dates = [entry.dated for entry in gathered.entries if entry.dated]
                return Checked(
                    source=spec.name,
                    entries=len(gathered.entries),
                    newest=moment(max(dates, default=None)),
                    error=gathered.error,
                    odd=_odd(stored[spec.name], gathered, now),
                )

        checked = await asyncio.gather(*map(one, wanted))
        same = same_feeds((source, read[name]) for name, source in stored.items())
        return [replace(each, same_as=same.get(each.source, ())) for each in checked]


def _odd(source: Source, gathered: Gathered, now: datetime) -> str:
    """Return what is odd about a source that can be read: it is empty, silent or overrun."""
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
