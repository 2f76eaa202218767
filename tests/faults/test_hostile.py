"""Servers that mean harm cost only themselves: healthy sources are read, and memory is bounded."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from store import Source
from store.database import Database
from tests.builders import NOON
from tests.desks import write_desk
from tests.faults import hostile
from tests.feeds.servers import in_loop, serving

MEBIBYTE = 1 << 20
PATIENCE = 60.0


@asynccontextmanager
async def polling(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one round over a desk, with six seconds for a server and four for a document."""
    arguments = ["-m", "tests.faults.hurried", "6", "4", "--desk", str(folder), "poll"]
    log = (folder.parent / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=subprocess.DEVNULL,
        stderr=log.fileno(),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        log.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()


def memory(session: int) -> int:
    """Return how many bytes the processes of *session* hold; what they share counts once."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(process.name)) == session:
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024


def sources(folder: Path) -> dict[str, Source]:
    database = Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")
    try:
        return {source.name: source for source in database.sources()}
    finally:
        database.close()


def titles(folder: Path, source: str) -> str:
    database = Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")
    try:
        after, found = "", []
        while page := database.entries(NOON, after):
            found += [one.entry.title for one in page if one.entry.source == source]
            after = page[-1].id
        return "\n".join(found)
    finally:
        database.close()


async def peak_of(process: asyncio.subprocess.Process) -> int:
    """Return how much memory it held at most until it ended."""
    peak = 0
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            peak = max(peak, await asyncio.to_thread(memory, process.pid))
            await asyncio.sleep(0.1)
    return peak


@in_loop
async def test_healthy_sources_are_read_beside_those_that_mean_harm(tmp_path: Path) -> None:
    async with serving(hostile.answer) as server:
        folder = write_desk(tmp_path / "desk", feeds=dict(hostile.addresses(server.url)))
        sources(folder)  # makes the store, as an earlier start would have
        async with polling(folder) as process:
            peak = await peak_of(process)
        assert process.returncode == 1  # some sources could not be read
    assert peak < 300 * MEBIBYTE
    found = sources(folder)
    for number in range(hostile.HEALTHY):
        healthy = found[f"healthy-{number}"]
        assert (healthy.error, healthy.entries) == ("", 10)
    for name, (_, reason) in hostile.HOSTILE.items():
        told = found[name].error
        read = reason in {"", hostile.GIVEN_UP} and not told
        assert read or (reason and reason in told), (name, told)
    assert found["many-items"].entries == 5000
    assert "root:" not in titles(folder, "external-entity")
    assert len(titles(folder, "entities")) < 1000
