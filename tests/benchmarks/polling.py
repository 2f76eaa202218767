"""Rounds over 2,000 feeds on a loopback server, by tocsin and by the PyPI package `reader`.

Each runs in a process of its own, which is told when to begin a round: first
everything is new, then nothing, then a tenth of the feeds has an entry more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.corpus import Corpus, rule_files
from tests.benchmarks.memory import peak_memory
from tests.benchmarks.newsstand import ENTRIES, newsstand
from tests.desks import write_desk

FEEDS = 2_000
RULES = 100
ROUNDS = ("first", "unchanged", "tenth")
WANTED = {"first": 4.0, "unchanged": 3.0}


def measured() -> Mapping[str, object]:
    """Return seconds for each round, and how many times as fast as reader we were."""
    with tempfile.TemporaryDirectory() as folder, newsstand(FEEDS) as address, ExitStack() as open_:
        feeds = {f"feed-{n}": f"{address}/{n}.xml" for n in range(FEEDS)}
        rules = rule_files(Corpus().queries(RULES))["000000.yaml"].decode()
        write_desk(Path(folder) / "ours", feeds=feeds, rules=rules)
        ours, others = (
            open_.enter_context(_contestant(name, address, Path(folder) / name))
            for name in ("ours", "reader")
        )
        memory = open_.enter_context(peak_memory(ours.pid))
        found: dict[str, object] = {}
        for turn, name in enumerate(ROUNDS):
            if name == "tenth":
                urllib.request.urlopen(f"{address}/change").close()
            new = FEEDS * ENTRIES if turn == 0 else FEEDS // 10 if name == "tenth" else 0
            pair = (ours, others) if turn % 2 == 0 else (others, ours)
            seconds = {one: _round(one, new) for one in pair}
            found[name] = {
                "seconds": round(seconds[ours], 2),
                "reader_seconds": round(seconds[others], 2),
                "times_as_fast": round(seconds[others] / seconds[ours], 1),
                "at_least": WANTED.get(name),
            }
    found["memory_mb"] = {"peak": round(memory.megabytes), "at_most": 250}
    return found


@contextmanager
def _contestant(name: str, address: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.contestants",
        name,
        str(folder),
        address,
        str(FEEDS),
    ]
    log = folder.with_suffix(".log").open("w")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
    with log, subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", folder.with_suffix(".log").read_text()
        try:
            yield process
        finally:
            process.communicate("")


def _round(contestant: subprocess.Popen[str], new: int) -> float:
    """Return how many seconds a round took; it has to bring so many new entries."""
    assert contestant.stdin is not None
    assert contestant.stdout is not None
    print("go", file=contestant.stdin, flush=True)
    said = json.loads(contestant.stdout.readline())
    assert said["new"] == new, said
    seconds: float = said["seconds"]
    return seconds
