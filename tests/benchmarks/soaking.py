"""A desk at work for a while among sources that fail: what it gains in memory and descriptors."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.desks import write_desk
from tests.faults.test_kill import receiving, write_article
from tests.feeds.servers import Asked, respond
from tests.journeys.running import eventually, running

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
_SETTLED = 10.0
_ARTICLES_A_SECOND = 5


def measured() -> Mapping[str, object]:
    """Return how memory (MB in ten minutes) and descriptors grew, and whether all arrived once."""
    sent: list[str] = []

    def take(asked: Asked) -> bytes:
        sent.append(asked.headers["webhook-id"])
        return respond(503 if len(sent) % 10 == 0 else 204)

    with tempfile.TemporaryDirectory() as folder, receiving(take) as (address, _):
        dead = {f"dead-{number}": f"http://127.0.0.1:9/{number}" for number in range(20)}
        desk = write_desk(Path(folder) / "desk", feeds=dead, receiver=address)
        with running(desk) as run:
            written, begun = 0, time.monotonic()
            early: tuple[float, int, float] | None = None
            while (past := time.monotonic() - begun) < SECONDS:
                write_article(desk, written)
                written += 1
                run.get("/feeds/law-32108.atom")
                if early is None and past > min(_SETTLED, SECONDS / 2):
                    early = (*_holds(run.process.pid), past)
                time.sleep(1 / _ARTICLES_A_SECOND)
            memory, files = _holds(run.process.pid)
            assert early is not None
            slope = (memory - early[0]) / (past - early[2]) * 600
            eventually(lambda: len(set(sent)) == written)
    return {
        "seconds": SECONDS,
        "mb_in_ten_minutes": round(slope, 1),
        "descriptors_gained": files - early[1],
        "articles": written,
        "told": len(set(sent)),
    }


def _holds(pid: int) -> tuple[float, int]:
    """Return the process's memory in MB, and how many descriptors it has open."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(resident.split()[1]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))
