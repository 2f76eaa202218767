"""A poller that servers can live with, seen from the servers: what it asks, when, and what it keeps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from feeds import guard
from store import Source
from store.condition import moved_address
from store.database import Database
from tests.builders import NOON
from tests.desks import SECRET, at_work, polled, rss, source, titles, write_desk
from tests.faults.test_kill import receiving
from tests.feeds.servers import Asked, Receiver, in_loop, respond, serving
from tests.journeys.running import ran, tocsin
from watcher.app import App
from watcher.desk import reread

XML = "application/rss+xml; charset=utf-8"
LAW = ("1", "La Ley 32108")
FEED = respond(body=rss(LAW), content_type=XML)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CONDITIONS = ("if-none-match", "if-modified-since")


def conditions(asked: Asked) -> tuple[str | None, ...]:
    """Return the conditions of a request: the tag and the date."""
    return tuple(asked.headers.get(name) for name in CONDITIONS)


async def beat(app: App) -> None:
    """Do what is due."""
    await app.engine.tick()
    await app.engine.settle(timedelta(seconds=10))


@pytest.mark.parametrize(
    ("tag", "date"),
    [
        ('"a"', "Tue, 24 Nov 2026 10:00:00 GMT"),
        ('W/"a, b"', None),
        ("unquoted", "2026-11-24 10:00"),
        (None, "yesterday (GMT+0)"),
        ('"a", "b"', "Tue, 24 Nov 2026 10:00:00 -0500"),
        (None, None),
    ],
)
@in_loop
async def test_what_a_server_gave_to_ask_with_is_given_back_as_it_was(
    tmp_path: Path, tag: str | None, date: str | None
) -> None:
    given = {"etag": tag, "last_modified": date}
    headers = {name: value for name, value in given.items() if value}
    async with (
        serving(respond(body=rss(LAW), content_type=XML, **headers)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        await polled(app, "news")
        assert [conditions(asked) for asked in server.asked] == [(None, None), (tag, date)]


@in_loop
async def test_unchanged_renews_validators_ends_failures_and_changes_nothing_else(
    tmp_path: Path, clock
) -> None:
    answers = [
        respond(body=rss(LAW), content_type=XML, etag='"1"', last_modified="Monday"),
        respond(500),
        respond(304, etag='"2"'),
        respond(304, last_modified="Tuesday"),
        respond(304),
    ]
    async with (
        serving(*answers) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        app.readers.close()  # nothing is read from here on
        assert (await polled(app, "news")).error
        assert source(app).failures == 1
        for _ in range(3):
            clock.now += MINUTE
            found = await polled(app, "news")
            assert (found.error, found.committed.new, found.committed.revised) == ("", 0, 0)
        assert [conditions(asked) for asked in server.asked][1:] == [
            ('"1"', "Monday"), ('"1"', "Monday"), ('"2"', "Monday"), ('"2"', "Tuesday"),
        ]  # fmt: skip
        left = source(app)
        assert (left.failures, left.error, left.succeeded_at) == (0, "", clock.now)
        assert titles(app) == ["La Ley 32108"]


@in_loop
async def test_validators_that_a_server_gives_no_more_are_sent_no_more(tmp_path: Path) -> None:
    with_tag = respond(body=rss(LAW), content_type=XML, etag='"1"')
    async with (
        serving(with_tag, FEED) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        for _ in range(3):
            await polled(app, "news")
        assert [conditions(asked)[0] for asked in server.asked] == [None, '"1"', None]


@in_loop
async def test_validators_are_kept_only_where_the_entries_were(
    tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(respond(body=rss(LAW), content_type=XML, etag='"1"')) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        with monkeypatch.context() as broken:
            broken.setattr("store.commits.write", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await app.poller.poll("news", due_only=False)
        assert titles(app) == []
        clock.now += 2 * MINUTE  # the lease has run out
        await polled(app, "news")
        assert conditions(server.asked[-1]) == (None, None)
        assert titles(app) == ["La Ley 32108"]


@pytest.mark.parametrize("change", ["path", "login"])
@in_loop
async def test_another_address_is_asked_without_what_the_old_one_gave(
    tmp_path: Path, clock, change: str
) -> None:
    async with serving(respond(body=rss(LAW), content_type=XML, etag='"1"')) as server:
        before = f"{server.url}/old"
        after = {
            "path": f"{server.url}/new",
            "login": before.replace("://", "://me:key@"),
        }[change]
        async with at_work(write_desk(tmp_path, feeds={"news": before})) as app:
            await polled(app, "news")
            write_desk(tmp_path, feeds={"news": after})
            await app.take_in(reread(app.state))
            await polled(app, "news")
        assert [conditions(asked)[0] for asked in server.asked] == [None, None]
        assert ("authorization" in server.asked[1].headers) is (change == "login")


@in_loop
async def test_a_source_that_was_gone_is_asked_at_its_new_address(tmp_path: Path) -> None:
    async with (
        serving(respond(410), FEED) as server,
        at_work(write_desk(tmp_path, feeds={"news": f"{server.url}/old"})) as app,
    ):
        await polled(app, "news")
        await beat(app)
        assert len(server.asked) == 1  # asked no more by itself
        write_desk(tmp_path, feeds={"news": f"{server.url}/new"})
        await app.take_in(reread(app.state))
        await beat(app)
        assert titles(app) == ["La Ley 32108"]


@in_loop
async def test_a_desk_that_is_started_again_and_again_asks_once_an_interval(
    tmp_path: Path, clock
) -> None:
    async with serving(respond(body=rss(LAW), content_type=XML, etag='"1"')) as server:
        folder = write_desk(tmp_path, feeds={f"news-{n}": f"{server.url}/{n}" for n in range(4)})
        for _ in range(3):
            for _ in range(5):
                async with at_work(folder) as app:
                    await beat(app)
                    clock.now += timedelta(seconds=10)
            clock.now += timedelta(hours=1)
        asked = Counter(one.target for one in server.asked)
        assert asked == {f"/{n}": 3 for n in range(4)}
        whole = Counter(one.target for one in server.asked if conditions(one) == (None, None))
        assert whole == {f"/{n}": 1 for n in range(4)}


async def moves(tmp_path: Path, clock, *locations: str, status: int = 301) -> Source:
    """Return a source after a redirect to each of *locations*, paths of its server, half a day apart."""
    left = iter(locations)

    def answer(asked: Asked) -> bytes:
        if asked.target == "/":
            return respond(status, location=next(left))
        if asked.target == "/hop":
            return respond(302, location="/feed")
        return FEED

    async with (
        serving(answer) as server,
        at_work(write_desk(tmp_path, feeds={"news": f"{server.url}/"})) as app,
    ):
        for _ in locations:
            assert (await polled(app, "news")).error == ""
            clock.now += DAY / 2
        return source(app)


@in_loop
async def test_a_move_that_changes_its_mind_is_never_believed(tmp_path: Path, clock) -> None:
    found = await moves(tmp_path, clock, *["/a", "/b"] * 3)
    assert moved_address(found, clock.now) == ""


@in_loop
async def test_behind_a_temporary_hop_nothing_is_permanent(tmp_path: Path, clock) -> None:
    found = await moves(tmp_path, clock, *["/hop"] * 3)
    assert moved_address(found, clock.now).endswith("/hop")


@in_loop
async def test_failures_of_every_kind_lengthen_the_wait_and_one_success_ends_them(
    tmp_path: Path, clock
) -> None:
    async def dead(_: Asked) -> AsyncIterator[bytes]:
        yield b""

    bad = [respond(404), respond(403), respond(500), dead, respond(502), respond(401)] * 2
    async with (
        serving(*bad, FEED) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        waits = []
        for _ in range(13):
            clock.now = source(app).next_poll_at
            await beat(app)
            waits.append(source(app).next_poll_at - clock.now)
        assert len(server.asked) == 13  # asked again and again, to the end
        for number, wait in enumerate(waits[:-1]):
            least = min(5 * MINUTE * 2**number, DAY)
            assert least <= wait <= least * 1.1
        assert waits[-1] < timedelta(hours=1)
        assert source(app).failures == 0


@in_loop
async def test_a_name_without_an_address_is_a_failure_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(_: guard.SystemResolver, host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(guard.SystemResolver, "__call__", nowhere)
    async with at_work(write_desk(tmp_path, feeds={"news": "https://gone.example/"})) as app:
        found = await polled(app, "news")
        assert found.error == "gone.example has no address: Name or service not known"
        assert source(app).failures == 1
        assert not source(app).gone


@in_loop
async def test_who_writes_much_is_read_often_and_who_writes_little_seldom(
    tmp_path: Path, clock
) -> None:
    def dated(every: timedelta) -> bytes:
        items = "".join(
            f"<item><guid>{n}</guid><title>T {n}</title>"
            f"<pubDate>{(NOON - n * every).strftime('%a, %d %b %Y %H:%M:%S GMT')}</pubDate></item>"
            for n in range(20)
        )
        body = f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'
        return respond(body=body.encode(), content_type=XML)

    async with (
        serving(dated(DAY * 7 / 50)) as busy,
        serving(dated(DAY * 14)) as quiet,
        serving(dated(MINUTE)) as wire,
        at_work(
            write_desk(tmp_path, feeds={"busy": busy.url, "quiet": quiet.url, "wire": wire.url})
        ) as app,
    ):
        waits = []
        for name in ("wire", "busy", "quiet"):
            await polled(app, name)
            waits.append(source(app, name).next_poll_at - clock.now)
    assert [round(wait / MINUTE / 1.05) for wait in waits] == [
        pytest.approx(5, abs=1), pytest.approx(100.8, rel=0.06), pytest.approx(24 * 60, rel=0.06),
    ]  # fmt: skip


@in_loop
async def test_sources_that_were_added_together_are_not_read_together_for_ever(
    tmp_path: Path, clock
) -> None:
    count = 100
    async with (
        serving(FEED) as server,
        at_work(
            write_desk(tmp_path, feeds={f"n-{n}": f"{server.url}/{n}" for n in range(count)})
        ) as app,
    ):
        await beat(app)
        seconds = Counter(
            int((source.next_poll_at - clock.now).total_seconds())
            for source in app.database.sources()
            if source.spec.kind == "feed"
        )
    # Half an hour, and up to three minutes more: one in two seconds on the average.
    assert sum(seconds.values()) == count
    assert max(seconds.values()) <= 8
    assert max(seconds) - min(seconds) > 120


@in_loop
async def test_many_sources_on_a_slow_host_are_asked_in_turn_and_delay_no_other(
    tmp_path: Path, reached: list[int]
) -> None:
    begun: list[float] = []
    open_, most = 0, 0

    async def slowly(asked: Asked) -> AsyncIterator[bytes]:
        nonlocal open_, most
        begun.append(asyncio.get_running_loop().time())
        open_ += 1
        most = max(most, open_)
        await asyncio.sleep(0.8)
        open_ -= 1
        yield FEED

    async with serving(slowly) as slow, serving(FEED) as quick:
        feeds = {f"slow-{n}": f"http://slow.example:{slow.port}/{n}" for n in range(500)}
        feeds["zz"] = f"http://quick.example:{quick.port}/"
        async with at_work(write_desk(tmp_path, feeds=feeds, private=False)) as app:
            started = asyncio.get_running_loop().time()
            for _ in range(8):
                await app.engine.tick()
                await asyncio.sleep(0.25)
            assert len(quick.asked) == 1
            assert source(app, "zz").error == ""
            await app.engine.settle(timedelta(0))
    assert 2 <= len(begun) < 10
    assert most <= 2
    # Late is as good as in time: none is before its turn.
    assert all(at - started >= 0.45 * turn for turn, at in enumerate(begun))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (respond(200, b'{"error": "quota"}', content_type="application/json"), "not a JSON Feed"),
        (respond(403, b"<p>Just a moment", cf_mitigated="challenge"), "403"),
    ],
)
@in_loop
async def test_an_answer_that_is_no_feed_is_a_failure_and_nothing_is_forgotten(
    tmp_path: Path, answer: bytes, reason: str
) -> None:
    receiver = Receiver(secret=SECRET)
    good = respond(body=rss(LAW), content_type=XML, etag='"1"')
    async with (
        serving(good, answer, good) as server,
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        await polled(app, "news")
        assert reason in (await polled(app, "news")).error
        assert titles(app) == ["La Ley 32108"]
        again = await polled(app, "news")
        assert (again.error, again.committed.new) == ("", 0)
        assert conditions(server.asked[2])[0] == '"1"'
        await app.engine.settle(timedelta(seconds=10))
        await app.drainer.drain("newsroom")
    assert len(receiver.taken) == 1


@in_loop
async def test_a_poll_says_who_asks_and_for_what_and_keeps_no_cookie(tmp_path: Path) -> None:
    answer = respond(body=rss(LAW), content_type=XML, set_cookie="a=b; Path=/")
    async with serving(answer) as server:
        folder = write_desk(tmp_path, feeds={"news": server.url})
        with (folder / "tocsin.toml").open("a") as settings:
            settings.write('[polling]\ncontact = "desk@example.org"\n')
        async with at_work(folder) as app:
            await polled(app, "news")
            await polled(app, "news")
    for asked in server.asked:
        assert set(asked.headers) == {
            "host", "user-agent", "accept", "accept-encoding", "connection",
        }  # fmt: skip
        assert asked.headers["user-agent"].startswith("tocsin/")
        assert "desk@example.org" in asked.headers["user-agent"]
        assert asked.headers["accept-encoding"] == "gzip, deflate"
        for kind in ("application/rss+xml", "application/atom+xml", "application/feed+json"):
            assert kind in asked.headers["accept"]


@in_loop
async def test_one_guid_in_two_feeds_is_two_articles(tmp_path: Path) -> None:
    async with (
        serving(respond(body=rss(("1", "Ley 32108: la una")), content_type=XML)) as one,
        serving(
            respond(
                body=rss(("1", "Ley 32108: la otra")).replace(b"news.example", b"b.example"),
                content_type=XML,
            )
        ) as other,
        at_work(write_desk(tmp_path, feeds={"one": one.url, "other": other.url})) as app,
    ):
        await polled(app, "one")
        await polled(app, "other")
        assert sorted(titles(app)) == ["Ley 32108: la otra", "Ley 32108: la una"]


@in_loop
async def test_the_backlog_of_a_new_source_is_published_and_alerts_nobody(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    backlog = [(str(n), f"Ley 32108: nota {n}") for n in range(20)]
    answers = [
        respond(body=rss(*items), content_type=XML)
        for items in (backlog, [("20", "Ley 32108: nota 20"), *backlog])
    ]
    async with (
        serving(*answers) as server,
        serving(receiver) as endpoint,
        at_work(
            write_desk(
                tmp_path,
                feeds={"news": server.url},
                receiver=endpoint.url,
                options="alert_since: added",
            )
        ) as app,
    ):
        await polled(app, "news")
        assert len(titles(app)) == 20
        await polled(app, "news")
        assert len(titles(app)) == 21
        await app.engine.settle(timedelta(seconds=10))
        await app.drainer.drain("newsroom")
    assert len(receiver.taken) == 1


@pytest.mark.parametrize(
    "place", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "localhost", "inside.example"]
)
@pytest.mark.parametrize("how", ["address", "redirect"])
@in_loop
async def test_no_public_source_leads_into_our_own_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, how: str
) -> None:
    connect, connected = guard.connected, []

    async def resolved(_: guard.SystemResolver, host: str, port: int) -> Sequence[str]:
        return ["1.1.1.1" if host == "public.example" else "127.0.0.1"]

    async def here(address: str, port: int) -> guard.Stream:
        connected.append(address)
        return await connect("127.0.0.1", port)

    monkeypatch.setattr(guard.SystemResolver, "__call__", resolved)
    monkeypatch.setattr(guard, "connected", here)
    async with serving(FEED) as inside:
        there = f"http://{place}:{inside.port}/"
        async with serving(respond(302, location=f"http://{place}/")) as outside:
            address = there if how == "address" else f"http://public.example:{outside.port}/"
            desk = write_desk(tmp_path, feeds={"news": address}, private=False)
            async with at_work(desk) as app:
                found = await polled(app, "news")
    assert "is refused: it leads to" in found.error
    assert inside.connections == 0
    assert connected == ([] if how == "address" else ["1.1.1.1"])


@in_loop
async def test_an_article_of_two_megabytes_is_read_as_far_as_is_sane(tmp_path: Path) -> None:
    long = rss(("1", "La Ley 32108")).replace(
        b"</item>", b"<description>" + b"palabra " * 250_000 + b"</description></item>"
    )
    async with (
        serving(respond(body=long, content_type=XML)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        assert (await polled(app, "news")).error == ""
        (found,) = app.database.published(["law-32108"], 10)
        assert len(found.entry.text) == pytest.approx(1_000_000, rel=0.01)


@in_loop
async def test_odd_dates_are_none_and_what_was_seen_first_counts(tmp_path: Path, clock) -> None:
    def item(number: int, date: str) -> str:
        written = f"<pubDate>{date}</pubDate>" if date else ""
        return f"<item><guid>{number}</guid><title>Ley 32108 {number}</title>{written}</item>"

    dates = ["Fri, 01 Jan 2094 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "", "soon"]
    documents = [
        respond(
            body=(
                '<rss version="2.0"><channel><title>t</title>'
                f"{''.join(item(n, dates[n]) for n in reversed(range(shown)))}</channel></rss>"
            ).encode(),
            content_type=XML,
        )
        for shown in range(1, 5)
    ]
    async with (
        serving(*documents) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        for _ in documents:
            await polled(app, "news")
            clock.now += MINUTE
        found = app.database.published(["law-32108"], 10)
        assert [one.entry.title for one in found] == [f"Ley 32108 {n}" for n in (3, 2, 1, 0)]
        assert [one.entry.published for one in found] == [None, None, None, NOON]


@in_loop
async def test_a_subscription_is_renewed_before_its_lease_ends(tmp_path: Path, clock) -> None:
    async with serving(respond(202)) as hub:
        linked = respond(body=rss(LAW), content_type=XML, link=f'<{hub.url}>; rel="hub"')
        async with (
            serving(linked) as server,
            at_work(write_desk(tmp_path, feeds={"news": server.url}, options="every: 30d")) as app,
        ):
            await polled(app, "news")
            await beat(app)
            (kept,) = app.database.subscriptions()
            assert await app.subscriber.confirm(kept.callback, kept.topic, "86400")
            await beat(app)
            assert len(hub.asked) == 1
            clock.now += DAY - timedelta(minutes=30)
            assert app.database.subscriptions()[0].is_held(clock.now)
            await beat(app)
            assert len(hub.asked) == 2
            assert (
                hub.asked[0].body.split(b"callback")[1] == hub.asked[1].body.split(b"callback")[1]
            )


@pytest.mark.parametrize("step", ["source claimed", "before the commit", "after the commit"])
def test_a_poll_that_is_killed_is_made_once_more_and_loses_nothing(
    tmp_path: Path, step: str
) -> None:
    asked: list[Asked] = []

    def answer(one: Asked) -> bytes:
        asked.append(one)
        return respond(body=rss(LAW), content_type=XML, etag='"1"')

    with receiving(answer) as (address, _):
        folder = write_desk(tmp_path / "desk", feeds={"news": address})
        poll = ["--desk", str(folder), "poll", "--source", "news"]
        assert ran("tests.faults.crashing", step, "1", *poll, cwd=tmp_path).returncode == 137
        before = len(asked)
        assert tocsin(*poll, cwd=tmp_path).returncode == 0
        assert len(asked) == before + 1
        assert conditions(asked[-1])[0] == ('"1"' if step == "after the commit" else None)
    database = Database.open(f"sqlite:///{folder / 'data' / 'tocsin.db'}")
    try:
        assert [one.entry.title for one in database.published(["law-32108"], 9)] == ["La Ley 32108"]
    finally:
        database.close()
