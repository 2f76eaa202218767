"""Linked articles are read where a source asks for it; both texts are kept, edits are seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from store import Revision
from tests.desks import at_work, polled, source, titles, write_desk
from tests.feeds.servers import Asked, Server, in_loop, respond, serving
from watcher import fulltext
from watcher.app import App

XML = "application/rss+xml; charset=utf-8"
LAW = "El Congreso debate la Ley 32108 y sus efectos en la lucha contra el crimen. " * 8
OTHER = "El pleno debate el presupuesto de la república para el año que viene. " * 8


class Press:
    """A site whose feed shows *items*, guid -> its own text, and whose articles are *pages*."""

    def __init__(self, **items: str) -> None:
        self.items = items
        self.pages: dict[str, str | int] = {}
        self.etag = '"1"'

    def __call__(self, asked: Asked) -> bytes:
        if asked.target == "/feed":
            if asked.headers.get("if-none-match") == self.etag:
                return respond(304)
            return respond(body=self.feed(), content_type=XML, etag=self.etag)
        page = self.pages[asked.target.removeprefix("/")]
        if isinstance(page, int):
            return respond(page)
        body = f"<!doctype html><html><body><article><p>{page}</p></article></body></html>"
        return respond(body=body.encode(), content_type="text/html; charset=utf-8")

    def feed(self) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{guid}</guid><title>Nota {guid}</title>"
            f"<link>/{guid}</link><description>{text}</description></item>"
            for guid, text in self.items.items()
        )
        return f'<rss version="2.0"><channel><title>T</title>{items}</channel></rss>'.encode()


@asynccontextmanager
async def reading(folder: Path, press: Press) -> AsyncIterator[tuple[App, Server]]:
    options = "full_text: true, alert_since: always"
    async with serving(press) as server:
        desk = write_desk(folder, feeds={"news": f"{server.url}/feed"}, options=options)
        async with at_work(desk) as app:
            yield app, server


def articles_read(server: Server) -> list[str]:
    return [asked.target for asked in server.asked if asked.target != "/feed"]


def states(app: App) -> tuple[Revision, ...]:
    (match,) = app.database.published(["law-32108"], 10)
    return app.database.revisions(match.entry_id, 10)


@in_loop
async def test_both_texts_are_kept_and_the_better_is_matched(tmp_path: Path) -> None:
    press = Press(a="Debate")
    press.pages["a"] = LAW
    async with reading(tmp_path, press) as (app, server):
        assert (await polled(app, "news")).committed.matched == 1
        (state,) = states(app)
        assert state.text == LAW.strip()
        assert (state.summary, state.other) == ("Debate", "Debate")
        for etag in ('"2"', '"3"'):
            press.etag = etag
            press.items["b" + etag[1]] = "Otra cosa"
            press.pages["b" + etag[1]] = OTHER
            assert (await polled(app, "news")).committed.revised == 0
        assert articles_read(server) == ["/a", "/b2", "/b3"]


@in_loop
async def test_a_feed_that_says_more_than_its_article_is_matched_by_its_own_text(
    tmp_path: Path,
) -> None:
    press = Press(a=LAW + LAW)
    press.pages["a"] = OTHER
    async with reading(tmp_path, press) as (app, _):
        await polled(app, "news")
        (state,) = states(app)
        assert (state.text, state.other) == ((LAW + LAW).strip(), OTHER.strip())


@in_loop
async def test_an_edit_in_the_feed_makes_its_article_be_read_again(tmp_path: Path) -> None:
    press = Press(a="Debate")
    press.pages["a"] = LAW
    async with reading(tmp_path, press) as (app, server):
        await polled(app, "news")
        press.items["a"], press.pages["a"], press.etag = "Corregido", OTHER, '"2"'
        assert (await polled(app, "news")).committed.revised == 1
        assert app.database.published(["law-32108"], 1)[0].lost
        assert [state.text for state in states(app)] == [OTHER.strip(), LAW.strip()]
        press.etag = '"3"'
        press.items["b"], press.pages["b"] = "Otra", OTHER
        await polled(app, "news")
        assert articles_read(server) == ["/a", "/a", "/b"]


@in_loop
async def test_an_edit_whose_article_cannot_be_had_keeps_the_text_that_was_read(
    tmp_path: Path,
) -> None:
    press = Press(a="Debate")
    press.pages["a"] = LAW
    async with reading(tmp_path, press) as (app, _):
        await polled(app, "news")
        press.items["a"], press.pages["a"], press.etag = "Corregido", 503, '"2"'
        await polled(app, "news")
        assert not app.database.published(["law-32108"], 1)[0].lost
        assert (states(app)[0].text, states(app)[0].summary) == (LAW.strip(), "Corregido")


@in_loop
async def test_an_article_that_cannot_be_had_now_is_asked_for_again_and_alerts_then(
    tmp_path: Path, clock
) -> None:
    press = Press(a="Debate")
    press.pages["a"] = 503
    async with reading(tmp_path, press) as (app, server):
        await polled(app, "news")
        assert titles(app) == []
        press.pages["a"] = LAW
        clock.now += timedelta(minutes=5)
        assert (await polled(app, "news")).committed.matched == 1  # no 304 stood in the way
        await polled(app, "news")
        assert articles_read(server) == ["/a", "/a"]
        assert source(app).validators.etag == '"1"'


@in_loop
async def test_an_article_that_is_refused_is_asked_for_once(tmp_path: Path) -> None:
    press = Press(a="La Ley 32108")
    press.pages["a"] = 403
    async with reading(tmp_path, press) as (app, server):
        await polled(app, "news")
        press.items["b"], press.pages["b"], press.etag = "Otra", 404, '"2"'
        await polled(app, "news")
        assert articles_read(server) == ["/a", "/b"]
        assert titles(app) == ["Nota a"]


@in_loop
async def test_an_article_is_asked_for_in_vain_for_a_day(tmp_path: Path, clock) -> None:
    press = Press(a="Debate")
    press.pages["a"] = 503
    async with reading(tmp_path, press) as (app, server):
        for _ in range(5):
            await polled(app, "news")
            clock.now += timedelta(hours=10)
        assert articles_read(server) == ["/a"] * 3
        assert source(app).validators.etag == '"1"'


@in_loop
async def test_a_site_in_trouble_is_spared_and_what_is_left_comes_later(
    tmp_path: Path, monkeypatch
) -> None:
    press = Press(**dict.fromkeys("abcdef", "Debate"))
    press.pages = dict.fromkeys("abcdef", 503)
    monkeypatch.setattr(fulltext, "MOST", 4)
    async with reading(tmp_path, press) as (app, server):
        await polled(app, "news")
        assert articles_read(server) == ["/a", "/b"]
        press.pages = dict.fromkeys("abcdef", LAW)
        for _ in range(2):
            await polled(app, "news")
        assert sorted(articles_read(server)[2:]) == ["/a", "/b", "/c", "/d", "/e", "/f"]
        assert len(titles(app)) == 6


@in_loop
async def test_without_full_text_any_more_no_article_counts_as_edited(tmp_path: Path) -> None:
    press = Press(a="Debate")
    press.pages["a"] = LAW
    async with reading(tmp_path, press) as (app, server):
        await polled(app, "news")
        write_desk(tmp_path, feeds={"news": f"{server.url}/feed"})
        await app._reload(set())
        press.etag = '"2"'
        assert not source(app).spec.full_text
        assert (await polled(app, "news")).committed.revised == 0
        assert titles(app) == ["Nota a"]
