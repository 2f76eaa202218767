"""A source that dies without a word is told: emptied, silent, overrun; and healthy ones are not."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from store import Known, Poll, Validators
from store.condition import after, condition
from tests.builders import NOON, a_polled, a_source, an_entry, judged
from tests.desks import at_work, polled, source, write_desk
from tests.feeds.servers import in_loop, respond, serving
from watcher.app import App
from watcher.commands import output, sources
from watcher.gather import Gathered
from watcher.pace import Pace, interval
from watcher.ways import seen_of

XML = "application/rss+xml; charset=utf-8"
EVENTS = '["source.failing", "source.recovered"]'
DAY = timedelta(days=1)


def feed(*numbers: int, each: timedelta = timedelta(hours=6)) -> bytes:
    items = "".join(
        f"<item><guid>{n}</guid><link>https://a.example/{n}</link><title>Nota {n}</title>"
        f"<pubDate>{(NOON - 20 * DAY + n * each).strftime('%a, %d %b %Y %H:%M:%S GMT')}</pubDate></item>"
        for n in numbers
    )
    body = (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{items}</channel></rss>'
    )
    return respond(body=body.encode(), content_type=XML)


def atom(*numbers: int, each: timedelta) -> bytes:
    """Return a feed that says of its entries no more than when they were updated."""
    entries = "".join(
        f"<entry><id>urn:{n}</id><title>Nota {n}</title><link href='https://a.example/{n}'/>"
        f"<updated>{(NOON - 20 * DAY + n * each).strftime('%Y-%m-%dT%H:%M:%SZ')}</updated></entry>"
        for n in numbers
    )
    body = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{entries}</feed>'
    return respond(body=body.encode(), content_type="application/atom+xml")


def told(app: App) -> list[tuple[str, str]]:
    """Return the events that are owed, in order, with the first word of what is wrong."""
    said = [json.loads(one.body) for one in app.database.deliveries()]
    said.sort(key=lambda one: one["timestamp"])
    return [(one["type"], one["data"].get("error", "").split(":")[0]) for one in said]


@asynccontextmanager
async def watching(folder: Path, *answers: bytes) -> AsyncIterator[App]:
    async with (
        serving(*answers) as server,
        at_work(
            write_desk(
                folder, feeds={"news": server.url}, receiver="http://127.0.0.1:9", events=EVENTS
            )
        ) as app,
    ):
        yield app


@in_loop
async def test_a_feed_that_shows_nothing_any_more_is_told_at_its_second_poll(
    tmp_path: Path, clock
) -> None:
    bare = respond(body=b"<rss version='2.0'><channel/></rss>", content_type=XML)
    async with watching(tmp_path, feed(1, 2, 3), feed(), bare, feed(1, 2, 3, 4)) as app:
        await polled(app, "news")
        await polled(app, "news")
        assert condition(source(app), clock.now).state == "well"
        await polled(app, "news")
        assert condition(source(app), clock.now).state == "empty"
        assert told(app) == [("source.failing", "empty")]
        await polled(app, "news")
        assert condition(source(app), clock.now).state == "well"
        assert told(app)[1:] == [("source.recovered", "")]
        assert [(one.kind, one.about) for one in app.database.events(10)] == [
            ("source.recovered", "news"),
            ("source.failing", "news"),
        ]


@in_loop
async def test_a_window_that_rolled_over_between_two_polls_is_told(tmp_path: Path, clock) -> None:
    async with watching(
        tmp_path, feed(1, 2, 3, 4), feed(9, 10, 11, 12), feed(11, 12, 13, 14)
    ) as app:
        await polled(app, "news")
        assert condition(source(app), clock.now).state == "well"
        await polled(app, "news")
        assert condition(source(app), clock.now).state == "overrun"
        assert told(app) == [("source.failing", "overrun")]
        (day,) = app.database.coverage(clock.now.date())["news"]
        assert (day.read, day.new, day.overrun) == (2, 8, 1)
        clock.now += 3 * DAY
        await polled(app, "news")
        assert condition(source(app), clock.now).state == "well"


@pytest.mark.parametrize("shown", [feed, atom])
@in_loop
async def test_a_source_that_falls_silent_against_its_rhythm_is_told(
    shown: Callable[..., bytes], tmp_path: Path, clock
) -> None:
    async with watching(tmp_path, shown(*range(10, 21), each=DAY)) as app:
        for _ in range(4):
            await polled(app, "news")
            assert condition(source(app), clock.now).state == "well"
            clock.now += timedelta(hours=20)
        clock.now += DAY
        await polled(app, "news")
        assert condition(source(app), clock.now).state == "silent"
        await polled(app, "news")
        assert told(app) == [("source.failing", "silent")]


@in_loop
async def test_a_source_that_was_silent_when_it_was_added_is_told_at_its_first_poll(
    tmp_path: Path, clock
) -> None:
    async with watching(tmp_path, feed(*range(1, 9))) as app:
        clock.now += 30 * DAY
        await polled(app, "news")
        assert told(app) == [("source.failing", "silent")]


@in_loop
async def test_an_edit_in_a_silent_source_is_no_recovery_and_a_new_entry_is(
    tmp_path: Path, clock
) -> None:
    before, edited = feed(*range(1, 9)), feed(*range(1, 9)).replace(b"Nota 8", b"Nota VIII")
    async with watching(tmp_path, before, edited, feed(*range(1, 10))) as app:
        clock.now += 30 * DAY
        await polled(app, "news")
        clock.now += timedelta(hours=1)
        assert (await polled(app, "news")).committed.revised == 1
        assert told(app) == [("source.failing", "silent")]
        clock.now += timedelta(hours=1)
        await polled(app, "news")
        assert told(app)[1:] == [("source.recovered", "")]


@in_loop
async def test_a_failing_source_is_told_at_its_second_failure_and_counted(
    tmp_path: Path, clock
) -> None:
    parked = respond(
        body=b"<!doctype html><html><body>This domain is for sale</body></html>",
        content_type="text/html",
    )
    async with watching(tmp_path, feed(1, 2), parked) as app:
        for _ in range(4):
            await polled(app, "news")
        assert condition(source(app), clock.now).state == "failing"
        assert [event for event, _ in told(app)] == ["source.failing"]
        (day,) = app.database.coverage(clock.now.date())["news"]
        assert (day.read, day.failed) == (1, 3)


@pytest.mark.parametrize(
    ("changed", "state", "troubled"),
    [
        ({"spec": a_source(enabled=False)}, "off", False),
        ({"polled_at": None}, "new", False),
        ({"gone": True, "error": "gone for good"}, "gone", True),
        ({"error": "no answer", "failures": 3}, "failing", True),
        ({"empty_polls": 5, "entries": 0}, "well", False),
        ({"newest_at": NOON - 5 * DAY, "rhythm": timedelta(hours=1)}, "silent", True),
        ({"newest_at": NOON - 2 * DAY, "rhythm": timedelta(hours=1)}, "well", False),
        ({"newest_at": NOON - 30 * DAY, "rhythm": 14 * DAY}, "well", False),
        ({"newest_at": NOON - 300 * DAY, "rhythm": None}, "well", False),
        ({"took": timedelta(seconds=12)}, "slow", False),
    ],
)
def test_the_state_of_a_source_is_told_in_a_word(changed, state: str, troubled: bool) -> None:
    found = condition(a_polled(**{"polled_at": NOON, "entries": 3, **changed}), NOON)
    assert (found.state, found.troubled) == (state, troubled)


HOUR = timedelta(hours=1)


def hourly(at: datetime, chance: random.Random) -> bool:
    return chance.random() < 0.9


def by_day(at: datetime, chance: random.Random) -> bool:
    return 6 <= at.hour < 23 and chance.random() < 0.5


def on_weekdays(at: datetime, chance: random.Random) -> bool:
    return at.weekday() < 5 and at.hour == 9


def weekly_but_for_holidays(at: datetime, chance: random.Random) -> bool:
    return at.weekday() == 2 and at.hour == 7 and at.isocalendar().week not in {1, 2, 52}


def in_bursts(at: datetime, chance: random.Random) -> bool:
    return at.day in {1, 11, 21} and 8 <= at.hour < 14


def now_and_then(at: datetime, chance: random.Random) -> bool:
    return chance.random() < 1 / 400


@pytest.mark.parametrize(
    ("rhythm", "shown"),
    [
        (hourly, 30),
        (hourly, 100),
        (by_day, 20),
        (on_weekdays, 6),
        (on_weekdays, 30),
        (weekly_but_for_holidays, 4),
        (weekly_but_for_holidays, 10),
        (weekly_but_for_holidays, 1),
        (in_bursts, 8),
        (in_bursts, 30),
        (now_and_then, 2),
        (now_and_then, 20),
    ],
)
def test_a_healthy_source_is_never_flagged_and_one_that_stops_is(rhythm, shown: int) -> None:
    chance = random.Random(32108)
    begun = NOON - 30 * DAY
    published = [
        at for at in (begun + hours * HOUR for hours in range(24 * 150)) if rhythm(at, chance)
    ]
    stops = published[-1]
    state, now, flagged = a_polled(added_at=NOON, polled_at=None), NOON, []
    stored: dict[str, Known] = {}
    while now < stops + 120 * DAY:
        dates = [at for at in published if at <= now][-shown:]
        entries = [an_entry(str(at), published=at) for at in dates]
        gathered = Gathered(validators=Validators(), entries=tuple(entries))
        known = {one.key: stored[one.key] for one in entries if one.key in stored}
        seen = seen_of(state, gathered, known, now)
        news = tuple(judged(one) for one in entries if one.key not in known)
        wait = interval(state, seen.gap, Pace(min=HOUR, max=DAY), timedelta())
        poll = Poll(
            source=state.name, token="", at=now, next_poll_at=now + wait, judged=news, seen=seen
        )
        state = replace(after(state, poll), entries=state.entries + len(news))
        for one in news:
            stored[one.entry.key] = Known(
                id=one.id, key=one.entry.key, sha256="", seen_at=now, matched={}
            )
        if condition(state, now).troubled:
            flagged.append((now, condition(state, now).state))
        now = poll.next_poll_at
    assert all(at > stops for at, _ in flagged), flagged[0]
    assert bool(flagged) is (shown > 4 or rhythm is on_weekdays)


def test_a_narrow_terminal_gets_a_line_for_each_source_and_the_reasons_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a source that fails, with a reason that is longer than its column
    async def read() -> None:
        async with (
            serving(respond(404)) as server,
            at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
        ):
            await polled(app, "news")

    asyncio.run(read())
    capsys.readouterr()
    for width in (80, 120):
        monkeypatch.setattr(output, "_UNBROKEN", width)
        sources.show(tmp_path, json=False)
        table, _, reasons = capsys.readouterr().out.partition("\n\n")
        assert [line.split()[0] for line in table.splitlines()] == [
            "source", "articles", "inbox", "news",
        ]  # fmt: skip
        assert reasons.startswith("news failing: the server answered 404")
