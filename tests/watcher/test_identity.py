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


def notice(number: int, *, dated: bool, titled: bool) -> str:
    """Return a notice that has no guid, and leads to a home page as all others do."""
    said = f"Ley 32108: aviso {number}"
    date = f"<pubDate>Tue, 24 Nov 2026 {number:02}:00:00 GMT</pubDate>" if dated else ""
    name = "title" if titled else "description"
    return f"<item><{name}>{said}</{name}><link>https://a.pe/</link>{date}</item>"


@pytest.mark.parametrize("titled", [True, False], ids=["titled", "untitled"])
@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
@in_loop
async def test_notices_without_guid_at_one_address_are_each_told_once(
    tmp_path: Path, dated: bool, titled: bool
) -> None:
    # given a feed of notices, the newest first: one alone at first, and again, and later
    shown = [(1,), (2, 1), (3, 2, 1), (4,), (5,), (4, 5), (5,)]
    receiver = Receiver(secret=SECRET)
    documents = [feed(*(notice(n, dated=dated, titled=titled) for n in ones)) for ones in shown]
    async with (
        serving(*documents) as server,
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        # when it is read again and again, then each is news once
        news = [(await polled(app, "news")).committed.new for _ in shown]
        assert news == [1, 1, 1, 1, 1, 0, 0]
        await app.engine.settle(timedelta(seconds=10))
        await app.drainer.drain("newsroom")
    assert len(receiver.taken) == 5


@in_loop
async def test_items_of_a_json_feed_without_id_are_told_apart_as_those_of_others_are(
    tmp_path: Path,
) -> None:
    items = [
        {"url": "https://a.pe/", "title": f"Ley 32108: aviso {n}", "content_text": "x"}
        for n in (1, 2)
    ]
    head = {"version": "https://jsonfeed.org/version/1.1", "title": "T"}
    answers = [
        respond(body=json.dumps({**head, "items": some}).encode(), content_type="application/json")
        for some in (items[:1], items)
    ]
    async with (
        serving(*answers) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        assert [(await polled(app, "news")).committed.new for _ in answers] == [1, 1]


@in_loop
async def test_an_edited_headline_of_an_article_without_guid_is_an_edit(tmp_path: Path) -> None:
    edited = item(1, guid="", title="La Ley 32108, corregida")
    async with (
        serving(feed(item(1, guid=""), item(2, guid="")), feed(edited, item(2, guid=""))) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        second = (await polled(app, "news")).committed
        assert (second.new, second.revised) == (0, 1)
        assert (await polled(app, "news")).committed.revised == 0


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
