"""Sources are asked politely and never believed too much: moves, wishes, validators, hosts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from store import Moved, server_of
from store.condition import moved_address
from tests.builders import NOON, a_polled
from tests.desks import at_work, polled, rss, source, write_desk
from tests.feeds.servers import Asked, in_loop, respond, serving
from watcher.fetch import _is_to_be_asked_whole
from watcher.hosts import Hosts, host_of

XML = "application/rss+xml; charset=utf-8"
DAY = timedelta(days=1)
SY = "http://purl.org/rss/1.0/modules/syndication/"


@in_loop
async def test_a_permanent_move_is_followed_for_good_after_a_day(tmp_path: Path, clock) -> None:
    def old(asked: Asked) -> bytes:
        return respond(301, location=f"{new.url}/feed")

    async with (
        serving(respond(body=rss(("1", "Ley 32108")), content_type=XML)) as new,
        serving(old) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        for _ in range(4):
            assert (await polled(app, "news")).error == ""
            clock.now += timedelta(hours=10)
        assert len(server.asked) == 3  # at 0, 10 and 20 hours
        for _ in range(3):
            await polled(app, "news")
        assert len(server.asked) == 3
        assert len(new.asked) == 7
        assert source(app).moved.address == f"{new.url}/feed"


@in_loop
async def test_a_temporary_move_is_no_move(tmp_path: Path, clock) -> None:
    async with (
        serving(respond(body=rss(("1", "Ley 32108")), content_type=XML)) as new,
        serving(lambda _: respond(302, location=new.url)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        for _ in range(5):
            await polled(app, "news")
            clock.now += DAY
        assert len(server.asked) == 5
        assert source(app).moved is None


@in_loop
async def test_where_a_move_leads_to_nothing_the_own_address_is_asked_again(
    tmp_path: Path, clock
) -> None:
    async with (
        serving(*[respond(body=rss(("1", "a")), content_type=XML)] * 5, respond(404)) as new,
        serving(lambda _: respond(308, location=new.url)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        for _ in range(6):
            found = await polled(app, "news")
            clock.now += DAY
        assert "404" in found.error
        asked = len(server.asked)
        await polled(app, "news")
        assert len(server.asked) == asked + 1


@in_loop
async def test_a_server_that_calls_news_unchanged_is_asked_for_all_from_then_on(
    tmp_path: Path, clock
) -> None:
    shown = [("1", "Ley 32108")]

    def answer(asked: Asked) -> bytes:
        if asked.headers.get("if-none-match"):
            return respond(304, etag='"same"')
        return respond(body=rss(*shown), content_type=XML, etag='"same"')

    async with (
        serving(answer) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        shown.append(("2", "Extorsión"))
        clock.now += timedelta(hours=1)
        assert (await polled(app, "news")).committed.new == 0  # the server lies
        clock.now += DAY
        assert (await polled(app, "news")).committed.new == 1
        assert source(app).distrusted
        shown.append(("3", "Cupos"))
        clock.now += timedelta(minutes=1)
        assert (await polled(app, "news")).committed.new == 1


@in_loop
async def test_an_honest_server_is_asked_for_all_once_a_day_and_keeps_its_trust(
    tmp_path: Path, clock
) -> None:
    def answer(asked: Asked) -> bytes:
        if asked.headers.get("if-none-match"):
            return respond(304)
        return respond(body=rss(("1", "Ley 32108")), content_type=XML, etag='"a"')

    async with (
        serving(answer) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        for _ in range(12):
            await polled(app, "news")
            clock.now += timedelta(hours=6)
        whole = ["if-none-match" not in asked.headers for asked in server.asked]
        assert whole.count(True) == 3
        assert not source(app).distrusted


def test_a_new_source_is_asked_for_all() -> None:
    assert _is_to_be_asked_whole(a_polled(), NOON)
    assert not _is_to_be_asked_whole(a_polled(asked_whole_at=NOON), NOON)
    assert _is_to_be_asked_whole(a_polled(asked_whole_at=NOON, distrusted=True), NOON)


@pytest.mark.parametrize(
    ("head", "headers", "least"),
    [
        ("<ttl>180</ttl>", {}, timedelta(hours=3)),
        ("<ttl>soon</ttl>", {}, timedelta()),
        ("", {"cache_control": "public, max-age=7200"}, timedelta(hours=2)),
        ("", {"cache_control": "no-store"}, timedelta()),
        ("", {"cache_control": "max-age=31536000"}, DAY),
        ("", {"expires": "0"}, timedelta()),
        ("", {"expires": "Tue, 24 Nov 2026 15:00:00 GMT"}, timedelta(hours=3)),
        ("", {"cache_control": "max-age=1", "expires": "Tue, 24 Nov 2026 15:00:00 GMT"}, timedelta()),
        ("<ttl>1</ttl>", {"cache_control": "max-age=30"}, timedelta()),
        (f'<sy:updatePeriod xmlns:sy="{SY}">daily</sy:updatePeriod>', {}, DAY),
        ("<skipHours><hour>12</hour><hour>13</hour></skipHours>", {}, timedelta(hours=2)),
        ("<skipDays><day>Tuesday</day><day>Wednesday</day></skipDays>", {}, timedelta(hours=36)),
    ],
)  # fmt: skip
@in_loop
async def test_what_a_feed_and_its_server_ask_for_is_kept_to(
    tmp_path: Path, clock, head: str, headers: dict[str, str], least: timedelta
) -> None:
    body = rss(("1", "Ley 32108")).replace(b"<item>", head.encode() + b"<item>", 1)
    async with (
        serving(respond(body=body, content_type=XML, etag='"x"', **headers)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        for _ in range(2):
            await polled(app, "news")
            wait = source(app).next_poll_at - clock.now
            assert max(least, timedelta(minutes=5)) <= wait <= DAY * 1.6


def _tired(status: int, after: str = "") -> bytes:
    return respond(status, **({"retry_after": after} if after else {}))


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (_tired(429, "7200"), timedelta(hours=2)),
        (_tired(503, "7200"), timedelta(hours=2)),
        (_tired(429, "Tue, 24 Nov 2026 14:00:00 GMT"), timedelta(hours=2)),
        (_tired(429, "99999999999"), DAY),
        (_tired(429, "soon"), timedelta(minutes=5)),
        (_tired(429, "Tue, 24 Nov 2026 10:00:00 GMT"), timedelta(minutes=5)),
        (_tired(429, "0"), timedelta(minutes=5)),
        (_tired(429, "-60"), timedelta(minutes=5)),
        (_tired(503, "0"), timedelta()),
        (_tired(503, "Tue, 24 Nov 2026 10:00:00 GMT"), timedelta()),
        (_tired(429), timedelta(minutes=5)),
        (_tired(503), timedelta()),
        (_tired(500, "7200"), timedelta()),
        (_tired(404, "7200"), timedelta()),
    ],
)  # fmt: skip
@in_loop
async def test_a_server_that_wants_to_be_left_alone_is_asked_for_none_of_its_feeds(
    tmp_path: Path, clock, answer: bytes, waits: timedelta
) -> None:
    # given two feeds of one server, a third on another, and the first is refused
    async with (
        serving(answer) as server,
        serving(respond(body=rss(("1", "a")), content_type=XML)) as other,
        at_work(
            write_desk(
                tmp_path,
                feeds={"a": f"{server.url}/a", "b": f"{server.url}/b", "c": f"{other.url}/c"},
            )
        ) as app,
    ):
        await polled(app, "a")

        # then the second waits as long, over a restart too, and the third does not
        assert source(app, "b").next_poll_at == clock.now + waits
        assert source(app, "c").next_poll_at == clock.now
        assert source(app, "a").next_poll_at >= clock.now + max(waits, timedelta(minutes=5))
        assert source(app, "b").error == ""
        assert (await app.poller.poll("b") is None) is bool(waits)

        # and one that waits for longer already does not come sooner
        await polled(app, "c")
        later = source(app, "c").next_poll_at
        await polled(app, "a")
        assert source(app, "c").next_poll_at == later


@in_loop
async def test_where_a_redirect_leads_the_server_that_answered_is_left_alone(
    tmp_path: Path, clock
) -> None:
    async with (
        serving(respond(429, retry_after="3600")) as tired,
        serving(respond(302, location=f"{tired.url}/a")) as server,
        at_work(
            write_desk(
                tmp_path,
                feeds={"a": f"{server.url}/a", "b": f"{server.url}/b", "c": f"{tired.url}/c"},
            )
        ) as app,
    ):
        await polled(app, "a")
        assert source(app, "b").next_poll_at == clock.now
        assert source(app, "c").next_poll_at == clock.now + timedelta(hours=1)


def test_a_server_is_told_from_another_by_name_and_odd_port() -> None:
    assert server_of("https://u:p@News.Example:443/x?y") == server_of("http://news.example/")
    assert server_of("http://[::1]:8080/x") == "[::1]:8080"
    assert server_of("https://notnews.example/") != server_of("https://news.example/")
    assert [server_of(one) for one in ("articles", "https://[broken", "http://a:99999/")] == [
        ""
    ] * 3


@in_loop
async def test_a_host_is_asked_little_at_once_and_with_a_moment_between() -> None:
    hosts = Hosts(at_once=2, gap=timedelta(seconds=0.05))
    loop = asyncio.get_running_loop()
    begun: list[float] = []
    open_ = most = 0

    async def one() -> None:
        nonlocal open_, most
        async with hosts.turn("a.pe"):
            begun.append(loop.time())
            open_ += 1
            most = max(most, open_)
            await asyncio.sleep(0.02)
            open_ -= 1

    asked = loop.time()
    await asyncio.gather(*(one() for _ in range(6)))
    assert most <= 2
    # Late is as good as in time: none is before its turn.
    assert all(at - asked >= 0.045 * turn for turn, at in enumerate(begun))


@in_loop
async def test_many_sources_of_a_slow_host_leave_room_for_others() -> None:
    hosts = Hosts()
    due = [(f"slow-{n}", "slow.pe") for n in range(500)] + [("other", "other.pe"), ("own", "")]
    assert hosts.fair(due) == ["slow-0", "slow-1", "other", "own"]
    async with hosts.turn("slow.pe"):
        assert hosts.fair(due) == ["slow-0", "other", "own"]


def test_a_host_is_read_from_an_address() -> None:
    assert host_of("https://[::1]:8080/x") == "::1"
    assert host_of("articles") == ""
    assert host_of("https://[broken") == ""


def test_a_move_is_believed_after_a_day_and_three_polls() -> None:
    for since, polls, believed in ((2, 3, True), (0, 3, False), (2, 2, False)):
        moved = Moved(address="https://new.example", since=NOON - since * DAY, polls=polls)
        assert bool(moved_address(a_polled(moved=moved), NOON)) is believed
