"""Ten thousand sources due at the same moment, on a desk at work: does it miss a beat, and what
memory does it take."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.memory import peak_memory
from tests.benchmarks.newsstand import newsstand
from tests.desks import write_desk

SOURCES = 10_000
DISTINCT = 500
"""So many feeds stand behind the sources, each under many addresses."""


def measured() -> Mapping[str, object]:
    """Return how long all took, the longest time between two beats, and the peak of memory."""
    with tempfile.TemporaryDirectory() as folder, newsstand(DISTINCT) as address:
        feeds = {f"feed-{n}": f"{address}/{n % DISTINCT}.xml?{n}" for n in range(SOURCES)}
        desk = write_desk(Path(folder) / "desk", feeds=feeds, options="alert_since: added")
        command = [sys.executable, "-m", "tests.benchmarks.contestants", "crowd", str(desk)]
        log = Path(folder) / "crowd.log"
        with (
            log.open("w") as written,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=written, text=True) as process,
            peak_memory(process.pid) as memory,
        ):
            said, _ = process.communicate()
        assert process.returncode == 0, log.read_text()[-2000:]
    return {
        **json.loads(said),
        "sources": SOURCES,
        "memory_mb": {"peak": round(memory.megabytes), "at_most": 300},
    }
