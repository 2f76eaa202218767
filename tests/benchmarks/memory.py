"""How much memory a process and its children take at most."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_EACH = 0.05


class Peak:
    """The most that was seen so far, in MB: each page shared by processes counts once."""

    megabytes = 0.0


@contextmanager
def peak_memory(pid: int) -> Iterator[Peak]:
    """Look at a process and its children again and again as long as the block runs."""
    peak, done = Peak(), threading.Event()

    def look() -> None:
        while not done.wait(_EACH):
            seen = sum(map(_proportional, _family(pid)))
            peak.megabytes = max(peak.megabytes, seen / 1024)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        done.set()
        looking.join()


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found.extend(map(int, (task / "children").read_text().split()))
    return found


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
