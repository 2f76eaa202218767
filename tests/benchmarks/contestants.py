"""Those who run in the benches `poll` and `crowd`: tocsin, and the package `reader`.

`python -m tests.benchmarks.contestants NAME FOLDER [ADDRESS COUNT]` does a round for each line that
it reads; `crowd` runs until all is done. It imports little at its start, for tocsin's child processes import it again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

WORKERS = 8


async def _ours(folder: Path, *_: str) -> None:
    from watcher.app import opened
    from watcher.commands.work import polled
    from watcher.logs import set_up_logs
    from watcher.loop import settle_in

    set_up_logs()
    async with opened(folder, {}) as app:
        names = [spec.name for spec in app.state.sources if spec.kind == "feed"]

        async def look() -> int:
            seen = await polled(app, names, due_only=False)
            assert not [one.error for one in seen if one.error]
            assert len(seen) == len(names)
            return sum(one.committed.new for one in seen)

        # The child processes start with the first document: not a part of the round, as little
        # as reader's imports are.
        await asyncio.gather(*(app.readers.call(len, "") for _ in range(2)))
        settle_in()
        await _rounds(look)


async def _reader(folder: Path, address: str, count: str) -> None:
    import feedparser_sgmllib

    # reader's own copy of feedparser wants it under the name that it had before.
    sys.modules["sgmllib"] = feedparser_sgmllib
    from reader import make_reader

    reader = make_reader(f"{folder}.sqlite")
    for number in range(int(count)):
        reader.add_feed(f"{address}/{number}.xml")
    stored = 0

    async def look() -> int:
        nonlocal stored
        reader.update_feeds(scheduled=False, workers=WORKERS)
        before, stored = stored, reader.get_entry_counts().total
        return stored - before

    await _rounds(look)


async def _crowd(folder: Path) -> None:
    """Run the engine until every source was read once, and say how far apart its beats were."""
    from watcher.app import opened
    from watcher.clock import utc_now
    from watcher.logs import set_up_logs

    set_up_logs()
    async with opened(folder, {}) as app:
        stop, begun, silence = asyncio.Event(), time.perf_counter(), 0.0
        working = asyncio.create_task(app.engine.run(stop))
        while app.engine.busy or await app.bridge(app.database.due_sources, utc_now(), 1):
            for _ in range(50):
                await asyncio.sleep(0.02)
                silence = max(silence, app.engine.silence.total_seconds())
        seconds = time.perf_counter() - begun
        stop.set()
        await working
        failed = [one.error for one in app.database.sources() if one.error]
        assert not failed, failed[0]
    print(json.dumps({"seconds": round(seconds, 1), "longest_beat": round(silence, 2)}))


async def _rounds(look: Callable[[], Awaitable[int]]) -> None:
    print("ready", flush=True)
    while sys.stdin.readline():
        begun = time.perf_counter()
        new = await look()
        seconds = time.perf_counter() - begun
        print(json.dumps({"new": new, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    from watcher import loop

    contestants = {"ours": _ours, "reader": _reader, "crowd": _crowd}
    run = asyncio.run if sys.argv[1] == "reader" else loop.run
    run(contestants[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:]))
