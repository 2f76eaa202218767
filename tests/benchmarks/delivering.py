"""How fast what is owed goes out, whether kills lose any of it, and how soon a match is posted."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from store import Owed, delivery_id
from store.database import Database
from tests.benchmarks.latency import TOKEN, post
from tests.desks import SECRET, write_desk
from tests.journeys.running import eventually, started

ENDPOINTS = tuple(f"receiver-{number}" for number in range(5))
ANSWER_SECONDS = 0.01
REFUSED = 0.05
QUEUED = 4000
QUEUED_FOR_KILLS = 2000
KILLS = 4
BETWEEN_KILLS = 2.0
ARTICLES = 60
PER_SECOND = 10.0
AT_LEAST = 300
AT_MOST = 0.15

RULE = "version: 1\nrules: [{id: law-32108, query: law:32108, notify: [%s]}]\n"


@dataclass
class Receiver:
    """The receiver's process."""

    process: subprocess.Popen[str]
    url: str

    def said(self, what: str = "") -> Any:
        """Return what arrived so far, or only its "count"."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def measured() -> dict[str, object]:
    """Return rate, losses, altered copies, and latency in seconds."""
    return {**_sustained(), **_killed(), **_soon(), "at_least": AT_LEAST, "at_most": AT_MOST}


def _sustained() -> Mapping[str, object]:
    with _receiving(REFUSED) as receiver, tempfile.TemporaryDirectory() as folder:
        desk = _desk(Path(folder) / "desk", receiver.url)
        ids = _owe(desk, QUEUED)
        running = started(desk)
        try:
            eventually(lambda: receiver.said("count") == len(ids), 300)
        finally:
            running.kill()
        times = sorted(receiver.said()["taken"].values())
    tenth = len(times) // 10
    # The first tenth starts up, and the last waits for second tries.
    middle = times[tenth : 9 * tenth]
    return {"per_second": round(len(middle) / (middle[-1] - middle[0]))}


def _killed() -> Mapping[str, object]:
    with _receiving(REFUSED) as receiver, tempfile.TemporaryDirectory() as folder:
        desk = _desk(Path(folder) / "desk", receiver.url)
        ids = _owe(desk, QUEUED_FOR_KILLS)
        for _ in range(KILLS):
            running = started(desk)
            time.sleep(BETWEEN_KILLS)
            running.kill()
        running = started(desk)
        try:
            eventually(lambda: _settled(desk), 300)
        finally:
            running.kill()
        said = receiver.said()
    return {
        "lost": len(set(ids) - said["taken"].keys()),
        "kills": KILLS,
        "again": said["counts"].get("again", 0),
        "altered": said["counts"].get("altered", 0),
        "unverified": said["counts"].get("401", 0),
    }


def _soon() -> Mapping[str, object]:
    with _receiving(0) as receiver, tempfile.TemporaryDirectory() as folder:
        desk = _desk(Path(folder) / "desk", receiver.url)
        running = started(desk)
        try:
            for number in range(ARTICLES):
                time.sleep(1 / PER_SECOND)
                post(running.url, {"title": f"Ley 32108, {number}"})
            eventually(lambda: receiver.said("count") == ARTICLES * len(ENDPOINTS), 60)
        finally:
            running.kill()
        first = receiver.said()["first"]
        with _store(desk) as database:
            stored = database.deliveries(limit=ARTICLES * len(ENDPOINTS))
        # The instant on the row is that of the poll's beginning: its commit comes later.
        waits = sorted(
            first[one.id] - ANSWER_SECONDS - one.created_at.timestamp() for one in stored
        )
    return {
        "match_to_post_median_seconds": round(waits[len(waits) // 2], 3),
        "match_to_post_p95_seconds": round(waits[int(len(waits) * 0.95)], 3),
    }


@contextmanager
def _receiving(refused: float) -> Iterator[Receiver]:
    given = [SECRET, str(ANSWER_SECONDS), str(refused)]
    command = [sys.executable, "-m", "tests.benchmarks.receiver", *given]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        yield Receiver(process, f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.kill()


def _desk(folder: Path, url: str) -> Path:
    """Write a desk whose one rule notifies five endpoints."""
    write_desk(folder, receiver=url, rules=RULE % ", ".join(ENDPOINTS))
    (folder / "api.token").write_text(TOKEN)
    settings = '[server]\nport = 0\n[api]\ntoken = {file = "api.token"}\n'
    for name in ENDPOINTS:
        settings += f'[endpoints.{name}]\nurl = "{url}/{name}"\nrate = 1000\nallow_private = true\n'
        settings += 'secret = {file = "newsroom.secret"}\n'
    (folder / "tocsin.toml").write_text(settings)
    return folder


@contextmanager
def _store(desk: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{desk / 'data' / 'tocsin.db'}")
    try:
        yield database
    finally:
        database.close()


def _owe(desk: Path, count: int) -> Sequence[str]:
    """Owe so many deliveries of the usual size, to each endpoint in turn; return their ids."""
    now = datetime.now(UTC)
    data = {"quotes": ["… scrap Law 32108 …"] * 60}
    owed = [
        Owed(
            id=delivery_id("match.created", str(number), name),
            endpoint=name,
            event="match.created",
            payload={"type": "match.created", "data": {"number": number, **data}},
        )
        for number in range(count)
        for name in [ENDPOINTS[number % len(ENDPOINTS)]]
    ]
    with _store(desk) as database:
        database.sync_endpoints(ENDPOINTS, now)
        return [one.id for one in database.owe(owed, now)]


def _settled(desk: Path) -> bool:
    with _store(desk) as database:
        return not database.deliveries(state="due", limit=1)
