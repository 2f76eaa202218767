"""What the kiosk promises: answers from memory, never older than what was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from feeds.kiosk import Kiosk
from feeds.shelf import Shelf
from store.database import Database, StoreError
from tests.builders import NOON, an_entry
from tests.feeds.test_web import Desk

FEED = "/feeds/law-32108.atom"

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Counted(Shelf):
    """A shelf that counts how often it asks the store."""

    asked = 0

    def document(self, catalogue, path, wished=""):
        self.asked += 1
        return super().document(catalogue, path, wished)


async def nothing(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Reader:
    """Somebody who asks a kiosk without a server between."""

    def __init__(self, desk: Desk) -> None:
        self.shelf = Counted(desk.database, lambda: NOON)
        self.kiosk = Kiosk(nothing, self.shelf, lambda: desk.catalogue, lambda _: None)

    async def get(
        self, path: str = FEED, query: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        given = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": given,
        }
        await self.kiosk(scope, None, send)
        named = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return sent[0]["status"], named, sent[1]["body"]


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust memory for long, however slow the machine is."""
    monkeypatch.setattr("feeds.shelf._TRUSTED", 60.0)


async def test_a_feed_that_does_not_change_is_read_from_the_store_once(
    desk: Desk, unhurried: None
) -> None:
    reader = Reader(desk)
    first = await reader.get()
    assert [await reader.get() for _ in range(50)] == [first] * 50
    assert reader.shelf.asked == 1


async def test_what_was_committed_is_in_the_very_next_answer(desk: Desk, unhurried: None) -> None:
    reader = Reader(desk)
    for number in range(2, 5):
        await reader.get()
        desk.find(an_entry(str(number)), at=NOON + timedelta(minutes=number))
        assert f"Article {number}".encode() in (await reader.get())[2]


async def test_readers_who_come_at_once_make_it_be_rendered_once(
    desk: Desk, unhurried: None
) -> None:
    reader = Reader(desk)
    found = await asyncio.gather(*(reader.get() for _ in range(40)))
    assert len({body for _, _, body in found}) == 1
    assert reader.shelf.asked == 1


async def test_an_edit_to_the_desk_is_in_the_very_next_answer(desk: Desk, unhurried: None) -> None:
    reader = Reader(desk)
    await reader.get()
    site = replace(desk.catalogue.site, title="Renamed")
    desk.catalogue = replace(desk.catalogue, site=site)
    assert b"<name>Renamed</name>" in (await reader.get())[2]


async def test_what_another_process_commits_is_seen_soon(desk: Desk) -> None:
    reader = Reader(desk)
    await reader.get()
    other = Desk.__new__(Desk)
    other.database = Database.open(desk.url)
    try:
        other.find(an_entry("2"), at=NOON + timedelta(minutes=1))
        async with asyncio.timeout(20):
            while b"Article 2" not in (await reader.get())[2]:
                await asyncio.sleep(0.01)
    finally:
        other.database.close()


async def test_who_asks_for_a_feed_in_demand_gets_its_last_state_while_it_is_rendered(
    desk: Desk, unhurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.shelf._MOMENT", 60.0)
    reader = Reader(desk)
    for _ in range(60):
        before = await reader.get()
    desk.find(an_entry("2"), at=NOON + timedelta(minutes=2))
    assert await reader.get() == before
    async with asyncio.timeout(20):
        while b"Article 2" not in (await reader.get())[2]:
            await asyncio.sleep(0.01)


async def test_a_feed_that_was_in_demand_a_while_ago_is_exact_again(
    desk: Desk, unhurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(desk)
    for _ in range(60):
        await reader.get()
    monkeypatch.setattr("feeds.shelf._MOMENT", 0.0)
    desk.find(an_entry("2"), at=NOON + timedelta(minutes=2))
    assert b"Article 2" in (await reader.get())[2]


async def test_a_feed_stays_up_while_the_store_fails(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(desk)
    first = await reader.get()

    def failed() -> object:
        raise StoreError("the disk reports errors")

    monkeypatch.setattr(desk.database, "site_version", failed)
    monkeypatch.setattr("feeds.shelf._TRUSTED", 0.0)
    assert await reader.get() == first
    with pytest.raises(StoreError):
        await reader.get("/feeds/extortion.atom")


@pytest.mark.parametrize(
    ("query", "shown"),
    [("n=2", 2), ("n=0", 1), ("n=-5", 5), ("n=1e3", 5), ("n=99999999999999", 5), ("m=2&n=3", 3)],
)
async def test_a_reader_may_want_fewer_matches_never_more(
    desk: Desk, query: str, shown: int
) -> None:
    for number in range(2, 6):
        desk.find(an_entry(str(number)), at=NOON + timedelta(minutes=number))
    _, headers, body = await Reader(desk).get(query=query)
    assert body.count(b"<entry>") == shown or body.count(b"<entry ") == shown
    itself = f"{FEED}?n={shown}" if shown != 5 else FEED
    assert f'{itself}>; rel="self"' in headers["link"]
    assert f'{itself}" rel="self"'.encode() in body


async def test_queries_that_mean_the_same_share_one_document(desk: Desk, unhurried: None) -> None:
    reader = Reader(desk)
    answers = [await reader.get(query=query) for query in ("", "x=1", "n=100", "n=500", "utm=n")]
    assert answers == [answers[0]] * 5
    assert reader.shelf.asked == 1


async def test_a_browser_gets_the_same_bytes_as_something_that_it_shows(desk: Desk) -> None:
    reader = Reader(desk)
    for ending, shown in (
        ("rss", "application/xml; charset=utf-8"),
        ("atom", "application/xml; charset=utf-8"),
        ("json", "application/json"),
    ):
        path = f"/feeds/law-32108.{ending}"
        _, usual, body = await reader.get(path)
        _, headers, same = await reader.get(path, headers={"sec-fetch-dest": "document"})
        assert headers["content-type"] == shown
        assert same == body
        assert headers["etag"] == usual["etag"]
        assert headers["vary"] == usual["vary"] == "accept-encoding, sec-fetch-dest"
        wished = {"accept": "application/xhtml+xml, text/html, */*", "sec-fetch-dest": "empty"}
        assert (await reader.get(path, headers=wished))[1] == usual


async def test_a_feed_names_the_style_sheet_beside_it(desk: Desk) -> None:
    reader = Reader(desk)
    for path in (FEED, "/feeds/law-32108.rss"):
        line = (await reader.get(path))[2].split(b"\n")[1]
        assert line == b'<?xml-stylesheet type="text/css" href="../static/feed.css"?>'
    month = (await reader.get("/feeds/law-32108/2026-11.atom"))[2].split(b"\n")[1]
    assert month == b'<?xml-stylesheet type="text/css" href="../../static/feed.css"?>'
    status, headers, _ = await reader.get("/static/feed.css")
    assert (status, headers["content-type"]) == (200, "text/css; charset=utf-8")


async def test_memory_stays_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.shelf._MOST_BYTES", 10_000)
    reader = Reader(desk)
    for number in range(1, 100):
        await reader.get(query=f"n={number}")
    assert len(reader.shelf._kept) < 10
    assert reader.shelf._bytes <= 10_000
