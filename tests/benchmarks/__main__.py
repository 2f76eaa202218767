"""Measures what has figures: `./dev bench [NAME] [--json]`.

Times are of this machine at this moment; what a figure is held against stands beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.desks import write_desk
from tests.journeys.running import Running, eventually, started, tocsin

_RUNS = 3


def start() -> Mapping[str, object]:
    """How long after `run` the seed article stands in its feed; people wait 20 s at most."""
    seconds = []
    for _ in range(_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            desk = Path(folder) / "desk"
            tocsin("init", str(desk), cwd=Path(folder))
            begun = time.perf_counter()
            running = started(desk)
            try:
                eventually(lambda desk=running: desk.items("law-32108"))
                seconds.append(time.perf_counter() - begun)
            finally:
                running.kill()
    return {"seconds": round(statistics.median(seconds), 2), "at_most": 20.0}


@contextmanager
def _at_work() -> Iterator[Running]:
    """Run a desk that has nothing to do yet."""
    with tempfile.TemporaryDirectory() as folder:
        running = started(write_desk(Path(folder) / "desk"))
        try:
            time.sleep(1)
            yield running
        finally:
            running.kill()


def reload() -> Mapping[str, object]:
    """How long after a rule file was saved its new rule has a feed; it should be 2 s at most."""
    seconds = []
    with _at_work() as running:
        for number in range(_RUNS):
            rule = f"version: 1\nrules: [{{id: new-{number}, query: cupos}}]\n"
            begun = time.perf_counter()
            (running.folder / "rules" / f"{number}.yaml").write_text(rule)
            eventually(lambda name=f"new-{number}": name.encode() in running.get("/feeds.opml"))
            seconds.append(time.perf_counter() - begun)
    return {"seconds": round(statistics.median(seconds), 2), "at_most": 2.0}


def alert() -> Mapping[str, object]:
    """How long after an article was saved its match stands in the feed."""
    seconds = []
    with _at_work() as running:
        for number in range(_RUNS * 3):
            begun = time.perf_counter()
            (running.folder / "articles" / f"{number}.txt").write_text(f"{number}: Ley 32108")
            eventually(lambda wanted=number + 1: len(running.items("law-32108")) == wanted)
            seconds.append(time.perf_counter() - begun)
    return {"seconds": round(statistics.median(seconds), 2), "longest": round(max(seconds), 2)}


def match() -> Mapping[str, object]:
    """How many articles a second are matched, by number of rules, and against slower ways."""
    from tests.benchmarks.matching import table

    return table()


def backtest() -> Mapping[str, object]:
    """How long a backtest of the starter rules takes over 100,000 stored entries."""
    from tests.benchmarks.backtesting import measured

    return measured()


def latency() -> Mapping[str, object]:
    """How long after an article was handed in its webhook (p95 < 0.5 s) and its feed's push (< 1 s) arrive."""
    from tests.benchmarks.latency import measured

    return measured()


def poll() -> Mapping[str, object]:
    """How long rounds over 2,000 feeds take, and how many times as fast as `reader` that is."""
    from tests.benchmarks.polling import measured

    return measured()


def serve() -> Mapping[str, object]:
    """How many answers a second a feed of 100 entries gives, and how long readers wait for it."""
    from tests.benchmarks.serving import measured

    return measured()


def parse() -> Mapping[str, object]:
    """How long a feed takes to read, and how many times as fast as feedparser's default that is."""
    from tests.benchmarks.parsing import measured

    return measured()


def crowd() -> Mapping[str, object]:
    """Whether ten thousand sources that are due at once make the desk miss a beat of 1 s."""
    from tests.benchmarks.crowd import measured

    return measured()


def deliver() -> Mapping[str, object]:
    """Deliveries a second to five endpoints, 300 at least; what kills lose, and how soon a match is posted."""
    from tests.benchmarks.delivering import measured

    return measured()


def soak() -> Mapping[str, object]:
    """What a desk gains in memory and descriptors in a minute among dead sources; SOAK_SECONDS seconds."""
    from tests.benchmarks.soaking import measured

    return measured()


def _shown(name: str, found: Mapping[str, object]) -> str:
    if name != "match":
        return str(found)
    from tests.benchmarks.matching import printed

    return f"\n{printed(found)}\n"


BENCHES: Mapping[str, Callable[[], Mapping[str, object]]] = {
    bench.__name__: bench
    for bench in (
        start,
        reload,
        alert,
        match,
        backtest,
        latency,
        poll,
        parse,
        crowd,
        serve,
        deliver,
        soak,
    )
}


def main() -> None:
    """Run the bench that is named, or all."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(BENCHES))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {}
    for name in [given.name] if given.name else BENCHES:
        found[name] = BENCHES[name]()
        if not given.json:
            what = (BENCHES[name].__doc__ or "").splitlines()[0]
            print(f"{name}: {_shown(name, found[name])}  {what}")
    if given.json:
        json.dump(found, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
