"""The command `run`: everything in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from feeds.highlight import excerpts_of
from store import Published
from store.database import StoreError
from watcher.app import App, opened
from watcher.commands.output import highlighted, out
from watcher.desk import find_desk, read_desk, shown
from watcher.logs import set_up_logs
from watcher.loop import run as on_loop
from watcher.loop import settle_in
from watcher.serving import listening, serve

_EXCERPTS = 2
_FIRST_ROUND = 5.0
"""How many seconds the first summary waits for local sources; the network may take longer."""


def run(given: Path | None) -> None:
    """Run the desk until SIGTERM (exit 0) or Ctrl-C (exit 130)."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    sys.exit(on_loop(_run(folder)))


async def _run(folder: Path) -> int:
    server = read_desk(folder, os.environ).settings.values.server
    listener = listening(server.host, server.port)
    if server.port == 0:
        os.environ["TOCSIN_SERVER__PORT"] = str(listener.getsockname()[1])
    stop = asyncio.Event()
    received: list[int] = []
    loop = asyncio.get_running_loop()

    def stopped(number: int) -> None:
        received.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped, number)
    async with opened(folder, os.environ) as app:
        _greet(app)
        settle_in()
        async with asyncio.TaskGroup() as group:
            for task in (
                serve(app, listener, stop),
                app.engine.run(stop),
                app.watch(stop),
                app.watch_clockwise(stop),
                _tell(app, stop),
                _wind_up(app, stop),
            ):
                group.create_task(task)
    return 130 if signal.SIGINT in received else 0


async def _wind_up(app: App, stop: asyncio.Event) -> None:
    """Begin no delivery once the desk is to stop, so that those under way can end."""
    await stop.wait()
    app.drainer.stop()


def _greet(app: App) -> None:
    base = app.state.settings.site.base_url
    rules, sources = len(app.state.book.rules.rules), len(app.state.sources) - 1
    out().print(
        f"[bold]tocsin[/] watches {sources} sources with {rules} rules "
        f"from the desk {escape(shown(app.state.folder))}\n"
        f"  pages     {base}/\n  all feeds {base}/feeds.opml"
    )


async def _tell(app: App, stop: asyncio.Event) -> None:
    """Write what matched once the local sources are read."""
    local = {
        spec.name
        for spec in app.state.sources
        if spec.kind != "inbox" and "://" not in spec.address
    }
    deadline = asyncio.get_running_loop().time() + _FIRST_ROUND
    with suppress(StoreError, OSError):  # a greeting is not worth a stop
        while not stop.is_set() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.1)
            sources = await app.bridge(app.database.sources)
            if all(source.polled_at for source in sources if source.name in local):
                break
        if not stop.is_set():
            await app.bridge(_summary, app)


def _summary(app: App) -> None:
    base = app.state.settings.site.base_url
    counts = app.database.match_counts()
    for rule in app.state.book.rules.rules.values():
        count = counts[rule.id][0] if rule.id in counts else 0
        word = "match" if count == 1 else "matches"
        out().print(f"\n[bold]{escape(rule.title)}[/]  {count} {word}")
        for published in app.database.published([rule.id], limit=2):
            out().print(f"  • {escape(published.entry.title)}")
            out().print(_why(published))
        out().print(f"  subscribe: {base}/feeds/{rule.id}.atom  (or .rss, .json)")
    if app.state.problems:
        out().print(f"\n{len(app.state.problems)} problems in the desk; see: tocsin check")
    out().print(f"\nOpen {base}/ in a browser. Ctrl-C stops the desk.")


def _why(published: Published) -> Table:
    """Return the excerpts that show why, each beside its margin however it is broken."""
    grid = Table.grid(padding=(0, 1))
    for index, excerpt in enumerate(excerpts_of(published, _EXCERPTS)):
        grid.add_row("    why:" if index == 0 else "", highlighted(excerpt.segments))
    return grid
