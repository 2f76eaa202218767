"""One article is one entry and one alert, whatever its feed does to guid, link, date and order."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.desks import SECRET, at_work, polled, titles, write_desk
from tests.feeds.servers import Receiver, in_loop, respond, serving
from watcher.links import same_link

XML = "application/rss+xml; charset=utf-8"


def item(number: int, **changed: str) -> str:
    given = {
        "guid": f"tag:example,{number}",
        "link": f"https://news.example.pe/{number}/la-nota",
        "title": f"La Ley 32108, nota {number}",
        "description": f"Texto {number} de la nota sobre transportistas y cupos. " * 4,
        "pubDate": f"Tue, 24 Nov 2026 {number:02}:00:00 GMT",
        **changed,
    }
    fields = "".join(f"<{name}>{text}</{name}>" for name, text in given.items() if text)
    return f"<item>{fields}</item>"


def feed(*items: str) -> bytes:
    head = '<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>'
    return respond(body=f"{head}{''.join(items)}</channel></rss>".encode(), content_type=XML)


FIRST = [item(n) for n in range(1, 6)]


@pytest.mark.parametrize(
    "second",
    [
        [item(n, guid=f"new-{n}") for n in range(1, 6)],
        [item(n, guid="") for n in range(1, 6)],
        [item(n, pubDate="Wed, 25 Nov 2026 09:00:00 GMT") for n in range(1, 6)],
        FIRST[::-1],
        [item(n, guid="", link=f"http://www.news.example.pe/{n}/la-nota/") for n in range(1, 6)],
        [item(n, link=f"https://news.example.pe/{n}/la-nota?utm_source=rss") for n in range(1, 6)],
        [item(n, guid=f"g{n}", link=f"https://other.example.pe/{n}") for n in range(1, 6)],
        [*FIRST, item(5, guid="again")],
        [],
    ],
    ids=["guids", "no-guids", "dates", "order", "https", "utm", "site", "doubled", "empty"],
)  # fmt: skip
@in_loop
async def test_a_feed_that_was_changed_by_its_system_gives_no_new_alert(
    tmp_path: Path, second: list[str]
) -> None:
    receiver = Receiver(secret=SECRET)
    async with (
        serving(feed(*FIRST), feed(*second), feed(*second, item(7)), feed(*FIRST)) as server,
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        assert (await polled(app, "news")).committed.new == 5
        assert (await polled(app, "news")).committed.new == 0
        assert (await polled(app, "news")).committed.new == 1
        assert (await polled(app, "news")).committed.new == 0
        await app.engine.settle(timedelta(seconds=10))
        await app.drainer.drain("newsroom")
    told = [json.loads(body)["data"]["entry"]["title"] for _, body in receiver.taken]
    assert sorted(told) == [f"La Ley 32108, nota {n}" for n in (1, 2, 3, 4, 5, 7)]


@in_loop
async def test_news_at_an_address_that_every_item_has_is_news(tmp_path: Path) -> None:
    home = "https://news.example.pe/"
    first, second = [item(n, link=home) for n in (1, 2)], [item(n, link=home) for n in (3, 4)]
    async with (
        serving(feed(*first), feed(*second)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        assert (await polled(app, "news")).committed.new == 2


@in_loop
async def test_a_live_page_that_is_another_story_today_is_news(tmp_path: Path) -> None:
    live = "https://news.example.pe/en-vivo"
    async with (
        serving(feed(item(1, link=live)), feed(item(2, link=live))) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        assert (await polled(app, "news")).committed.new == 1


@in_loop
async def test_the_copy_of_an_article_in_another_source_is_told_once(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    copy = item(1, guid="x", link="http://news.example.pe/1/la-nota?utm_medium=social")
    async with (
        serving(feed(*FIRST)) as one,
        serving(feed(copy, item(8))) as other,
        serving(receiver) as endpoint,
        at_work(
            write_desk(tmp_path, feeds={"one": one.url, "two": other.url}, receiver=endpoint.url)
        ) as app,
    ):
        await polled(app, "one")
        found = await polled(app, "two")
        assert (found.committed.new, found.committed.matched) == (2, 1)
        await app.engine.settle(timedelta(seconds=10))
        await app.drainer.drain("newsroom")
        assert len(titles(app)) == 6
    assert len(receiver.taken) == 6


@in_loop
async def test_notices_without_guid_at_one_address_are_each_told_once(
    tmp_path: Path, clock
) -> None:
    # given a feed whose notices have no guid and lead to its home page, the newest first
    def notices(*numbers: int) -> bytes:
        items = "".join(
            f"<item><title>Ley 32108: aviso {n}</title><link>https://a.pe/</link>"
            f"<pubDate>Tue, 24 Nov 2026 {n:02}:00:00 GMT</pubDate></item>"
            for n in numbers
        )
        body = f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'
        return respond(body=body.encode(), content_type="application/rss+xml")

    shown = [(1,), (2, 1), (3, 2, 1), (4, 3), (3, 4)]
    async with (
        serving(*(notices(*numbers) for numbers in shown)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        # when it is read again and again, then each is news once, also the one that was alone first
        assert [(await polled(app, "news")).committed.new for _ in shown] == [1, 1, 1, 1, 0]
        assert len(titles(app)) == 4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a.pe/x", "https://www.a.pe/x/", True),
        ("https://a.pe/x?id=1&utm_source=y#z", "https://a.pe/x?id=1", True),
        ("https://a.pe/x?id=1", "https://a.pe/x?id=2", False),
        ("https://a.pe/x", "https://b.pe/x", False),
        ("urn:x:1", "urn:x:1", True),
    ],
)
def test_links_of_one_article_are_the_same(one: str, other: str, same: bool) -> None:
    assert (same_link(one) == same_link(other)) is same
