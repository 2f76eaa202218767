"""The clock of a machine jumps while a desk runs: it goes on, and tells nothing twice or falsely."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from store.database import Database
from tests.desks import write_desk
from tests.faults.test_kill import receiving, write_article
from tests.feeds.servers import Asked, respond
from tests.journeys.running import eventually, needed, running

HOUR = 3600


def a_false_clock(file: Path) -> dict[str, str]:
    """Return the environment of a process whose clock is ahead by what *file* says."""
    show = [needed("faketime"), "-m", "-f", "+0s", "printenv", "LD_PRELOAD"]
    return {
        "LD_PRELOAD": subprocess.check_output(show, text=True).strip(),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def test_a_clock_that_jumps_ahead_and_back_stops_nothing_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    sent: dict[str, float] = {}
    ahead = tmp_path / "ahead"
    ahead.write_text("+0s")

    def take(asked: Asked) -> bytes:
        assert asked.headers["webhook-id"] not in sent
        sent[asked.headers["webhook-id"]] = float(asked.headers["webhook-timestamp"])
        return respond(204)

    with receiving(take) as (address, _):
        folder = write_desk(tmp_path / "desk", receiver=address)
        with running(folder, a_false_clock(ahead)) as desk:
            for number, hours in enumerate((0, 5, 4, -1, 0)):
                # when the clock says another hour, and an article appears
                ahead.write_text(f"{hours * HOUR:+}s")
                write_article(folder, number)
                # then it is told once, with the time by that clock
                eventually(lambda count=number + 1: len(sent) == count)
                told = list(sent.values())[-1]
                assert abs(told - time.time() - hours * HOUR) < 60
            # and the source is not put off by the hours that the clock was ahead
            eventually(lambda: _waits(folder) < timedelta(hours=2))
            assert json.loads(desk.get("/readyz"))["ready"]
            shown = {item["title"] for item in desk.items("law-32108")}
            assert len(shown) == len(desk.items("law-32108")) == 5


def _waits(folder: Path) -> timedelta:
    from watcher.clock import utc_now

    with closing(Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")) as database:
        return (
            max(one.next_poll_at for one in database.sources() if one.name != "inbox") - utc_now()
        )
