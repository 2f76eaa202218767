"""How many answers a second one worker gives for a feed of 100 entries, and how long a reader waits.

The rival is nginx, where it is installed, with the same bytes as files.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from feeds.address import LIVE, Part
from feeds.items import KeptItems, channel
from feeds.shelf import RENDERERS
from store import Span
from tests.benchmarks.latency import TOKEN
from tests.benchmarks.newsstand import ENTRIES, newsstand
from tests.builders import NOON, a_catalogue, an_entry, published
from tests.desks import write_desk
from tests.journeys.running import Running, eventually, free_port, started

FEED = "/feeds/law-32108.atom"
INGESTED = 10_000
_RENDERINGS = 20
_BETWEEN = 0.2
_AT_ONCE = 500
_TEXT = "El gremio exige la derogatoria de la Ley 32108. " + "Sigue el texto del artículo. " * 60
_OTHER = "Un texto sobre otra cosa, que nadie busca. " * 60


def measured() -> dict[str, object]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        desk = write_desk(Path(folder) / "desk")
        (desk / "api.token").write_text(TOKEN)
        with (desk / "tocsin.toml").open("a") as settings:
            settings.write('[api]\ntoken = {file = "api.token"}\n')
        running = started(desk)
        try:
            _ingest(running, range(LIVE), _TEXT)
            eventually(lambda: len(running.items("law-32108")) == LIVE)
            table = _answers(running, Path(folder))
            table["while_ingesting"] = _while_ingesting(running)
            table["while_polling"] = _while_polling(running)
        finally:
            running.kill()
    return {"render_ms": _render(), "at_most_ms": 5, **table}


def _render() -> Mapping[str, Mapping[str, float]]:
    """Return how many milliseconds it takes to render a feed of 100 entries, all or one of them new."""
    catalogue = a_catalogue()
    matches = [
        published(an_entry(str(i), text=_TEXT), updated_at=NOON - timedelta(seconds=i))
        for i in range(LIVE + _RENDERINGS)
    ]
    feed = catalogue.feeds["law-32108"]
    took: dict[str, dict[str, float]] = {"all_new": {}, "one_new": {}}
    for ending, (render, _) in RENDERERS.items():
        for name, kept in (("all_new", None), ("one_new", KeptItems())):
            times = []
            for left in range(_RENDERINGS, 0, -1):
                span = Span(matches=tuple(matches[left : left + LIVE]))
                begun = time.perf_counter()
                render(channel(feed, Part(name=feed.name), span, catalogue, NOON, kept))
                times.append(time.perf_counter() - begun)
            took[name][ending] = round(statistics.median(times) * 1000, 2)
    return took


def _answers(running: Running, folder: Path) -> dict[str, object]:
    url = running.url + FEED
    with urllib.request.urlopen(url, timeout=5) as answer:
        body, tag = answer.read(), answer.headers["etag"]
    asked = {
        "conditional": {"accept-encoding": "gzip", "if-none-match": tag},
        "gzip": {"accept-encoding": "gzip"},
    }
    table: dict[str, object] = {name: load(url, headers) for name, headers in asked.items()}
    if shutil.which("nginx") is None:
        return {**table, "nginx": "not installed"}
    with _nginx(folder, body) as address:
        with urllib.request.urlopen(address, timeout=5) as answer:
            asked["conditional"]["if-none-match"] = answer.headers["etag"]
        table["nginx"] = {name: load(address, headers) for name, headers in asked.items()}
    return table


def load(url: str, headers: Mapping[str, str], **how: object) -> Mapping[str, object]:
    """Return what a process of its own measured that asked for *url*."""
    asked = json.dumps({"url": url, "headers": dict(headers), **how})
    command = [sys.executable, "-m", "tests.benchmarks.load", asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found: Mapping[str, object] = json.loads(done.stdout)
    return found


@contextmanager
def _nginx(folder: Path, body: bytes) -> Iterator[str]:
    """Serve *body* with nginx, one worker, compressed beforehand."""
    site, port = folder / "site", free_port()
    site.mkdir()
    (site / "feed.atom").write_bytes(body)
    (site / "feed.atom.gz").write_bytes(gzip.compress(body, 6))
    (folder / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "events {}\nhttp { access_log off; gzip_static on; keepalive_requests 1000000;\n"
        f"server {{ listen 127.0.0.1:{port}; root {site}; }} }}\n"
    )
    folder.chmod(0o755)
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/feed.atom"
    try:
        eventually(lambda: _is_there(url))
        yield url
    finally:
        process.terminate()
        process.wait()


def _is_there(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.URLError:
        return False


def _while_ingesting(running: Running) -> Mapping[str, object]:
    """Return how long readers wait while a program hands in 10,000 entries.

    One in a hundred matches, so that the feed changes with each portion.
    """

    def ingest() -> None:
        for start in range(1000, 1000 + INGESTED, _AT_ONCE):
            _ingest(running, range(start, start + _AT_ONCE), _OTHER, every=100)

    return _readers_wait(running, ingest)


def _while_polling(running: Running) -> Mapping[str, object]:
    """Return how long readers wait while 1,000 new feeds with 10 entries each are read.

    A program hands an article that matches in every now and then, so that the feed changes.
    """
    count = INGESTED // ENTRIES
    store = sqlite3.connect(running.folder / "data" / "tocsin.db", check_same_thread=False)
    before = _entries(store)
    with newsstand(count) as address, tempfile.TemporaryDirectory() as folder:
        feeds = {f"feed-{n}": f"{address}/{n}.xml" for n in range(count)}
        sources = write_desk(Path(folder) / "desk", feeds=feeds) / "sources.yaml"

        def poll() -> None:
            shutil.copy(sources, running.folder / "sources.yaml")
            handed_in = 0
            while _entries(store) < before + INGESTED + handed_in:
                _ingest(running, range(100_000 + handed_in, 100_001 + handed_in), _TEXT)
                handed_in += 1
                time.sleep(_BETWEEN)

        return _readers_wait(running, poll)


def _entries(store: sqlite3.Connection) -> int:
    found: int = store.execute("SELECT count(*) FROM entry").fetchone()[0]
    return found


def _readers_wait(running: Running, work: Callable[[], None]) -> Mapping[str, object]:
    """Return how long readers of a feed wait, 500 of them a second, beside *work* on 10,000 entries."""
    begun = time.perf_counter()
    ended: list[float] = []

    def worked() -> None:
        work()
        ended.append(time.perf_counter() - begun)

    working = threading.Thread(target=worked)
    working.start()
    found: list[Mapping[str, object]] = []
    while working.is_alive():
        headers = {"accept-encoding": "gzip"}
        found.append(load(running.url + FEED, headers, connections=8, rate=500, seconds=3))
    working.join()
    return {
        "entries_per_second": round(INGESTED / ended[0]),
        "p50_ms": statistics.median(float(str(one["p50_ms"])) for one in found),
        "p99_ms": [one["p99_ms"] for one in found],
        "longest_ms": max(float(str(one["longest_ms"])) for one in found),
    }


def _ingest(running: Running, numbers: range, text: str, every: int = 0) -> None:
    entries = [
        {
            "id": f"n{n}",
            "title": f"Artículo {n}",
            "text": _TEXT if every and n % every == 0 else text,
        }
        for n in numbers
    ]
    asked = urllib.request.Request(
        f"{running.url}/api/v1/entries",
        json.dumps(entries).encode(),
        {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert json.load(answer)["new"] == len(entries)
