"""A backtest of the starter rules over a store of a hundred thousand entries."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rules import Entry
from rules.starter import library_files
from store import Judged, Poll, SourceSpec, entry_id
from store.database import Database
from tests.benchmarks.corpus import Corpus
from tests.desks import write_desk
from tests.journeys.running import tocsin

ENTRIES = 100_000
AT_MOST = 20.0
_EACH = 2_000
_DISTINCT = 5_000


def measured() -> dict[str, object]:
    """Return how long the command takes, from its start to its answer."""
    with tempfile.TemporaryDirectory() as folder:
        desk = write_desk(Path(folder) / "desk")
        (desk / "rules" / "rules.yaml").unlink()
        for name, data in library_files().items():
            (desk / "rules" / name).write_bytes(data)
        (desk / "data").mkdir(exist_ok=True)
        _fill(desk / "data" / "tocsin.db")
        begun = time.perf_counter()
        found = json.loads(tocsin("backtest", "--json", cwd=desk).stdout)
        seconds = time.perf_counter() - begun
        return {"entries": found["entries"], "seconds": round(seconds, 1), "at_most": AT_MOST}


def _fill(path: Path) -> None:
    """Store entries of 1 KB, as feeds give them."""
    now = datetime.now(UTC)
    database = Database.open(f"sqlite:///{path}")
    source = SourceSpec(name="bench", kind="feed", address="https://bench.example/rss.xml")
    database.sync_sources([source], now)
    articles = Corpus().articles(_DISTINCT)
    for start in range(0, ENTRIES, _EACH):
        claim = database.claim("bench", now, timedelta(hours=1), due_only=False)
        assert claim is not None
        verdicts = tuple(
            Judged(
                id=entry_id("bench", str(number)),
                entry=_shorter(articles[number % _DISTINCT], number),
            )
            for number in range(start, start + _EACH)
        )
        poll = Poll(source="bench", token=claim.token, at=now, next_poll_at=now, judged=verdicts)
        assert database.commit(poll) is not None
    database.close()


def _shorter(article: Entry, number: int) -> Entry:
    start = number % 1_000
    return replace(
        article, key=str(number), source="bench", text=article.text[start : start + 1_000]
    )
