"""Those who run in the bench `poll`: tocsin as `tocsin poll --all` works, and the package `reader`.

`python -m tests.benchmarks.contestants NAME FOLDER ADDRESS COUNT` does a round for each line that it
reads. It imports little at its start, for tocsin's child processes import it again.
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


async def _rounds(look: Callable[[], Awaitable[int]]) -> None:
    print("ready", flush=True)
    while sys.stdin.readline():
        begun = time.perf_counter()
        new = await look()
        seconds = time.perf_counter() - begun
        print(json.dumps({"new": new, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    contestants = {"ours": _ours, "reader": _reader}
    asyncio.run(contestants[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:]))
