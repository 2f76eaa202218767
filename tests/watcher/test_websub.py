"""A source's hub is asked to push, what it pushes is taken in at once, and nobody else is believed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from feeds.websub import is_signed, router
from tests.builders import a_polled, a_source
from tests.desks import at_work, polled, rss, source, titles, write_desk
from tests.feeds.servers import Server, in_loop, respond, serving
from watcher.app import App
from watcher.subscribe import is_reachable

XML = "application/rss+xml"
FIRST = rss(("1", "Ley 32108, la primera"))
SECOND = rss(("1", "Ley 32108, la primera"), ("2", "Ley 32108, la segunda"))


def linked(url: str, *, hub: str) -> str:
    return f'<{hub}>; rel="hub", <{url}/feed>; rel="self"'


class Hub:
    """A hub that notes what it was asked and can push, over a real connection or not at all."""

    def __init__(self, app: App) -> None:
        web = FastAPI()
        web.include_router(router(app.subscriber))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(web), base_url=app.state.catalogue.site.base_url
        )

    async def verify(self, form: dict[str, str], **changed: str) -> httpx.Response:
        asked = {
            "hub.mode": "subscribe",
            "hub.topic": form["hub.topic"],
            "hub.challenge": "a-challenge",
            "hub.lease_seconds": "86400",
            **{f"hub.{name}": value for name, value in changed.items()},
        }
        return await self.client.get(form["hub.callback"], params=asked)

    async def push(self, form: dict[str, str], body: bytes, **headers: str) -> httpx.Response:
        signed = hmac.new(form["hub.secret"].encode(), body, hashlib.sha256).hexdigest()
        given = {"content-type": XML, "x-hub-signature": f"sha256={signed}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(form["hub.callback"], content=body, headers=given)


def form_of(server: Server) -> dict[str, str]:
    """Return what the hub was asked last."""
    asked = [one for one in server.asked if one.method == "POST"]
    return dict(parse_qsl(asked[-1].body.decode()))


@asynccontextmanager
async def subscribed(folder: Path, feed: bytes = FIRST) -> AsyncIterator[tuple[App, Hub, Server]]:
    """Open a desk whose one source names a hub in its header, and ask that hub."""
    async with serving(respond(202)) as hub_server:
        hub = f"{hub_server.url}/hub"
        answer = respond(body=feed, content_type=XML, link=linked("https://a.example", hub=hub))
        async with (
            serving(answer) as server,
            at_work(
                write_desk(folder, feeds={"news": f"{server.url}/feed"}, options="every: 1h")
            ) as app,
        ):
            await polled(app, "news")
            await app.subscriber.subscribe("news")
            yield app, Hub(app), hub_server


@in_loop
async def test_the_hub_is_asked_with_a_secret_and_a_callback_that_nobody_can_guess(
    tmp_path: Path,
) -> None:
    async with subscribed(tmp_path) as (app, hub, server):
        form = form_of(server)
        assert form["hub.mode"] == "subscribe"
        assert form["hub.topic"] == "https://a.example/feed"
        assert len(urlsplit(form["hub.callback"]).path.removeprefix("/websub/")) >= 32
        assert len(form["hub.secret"]) >= 32
        answer = await hub.verify(form)
        assert (answer.status_code, answer.text) == (200, "a-challenge")
        (kept,) = app.database.subscriptions()
        assert kept.lease_until is not None
        assert kept.due < kept.lease_until  # renewed before it ends
        await app.subscriber.subscribe("news")
        assert len(server.asked) == 1  # and not before that is due


@in_loop
async def test_what_is_pushed_alerts_once_and_polling_goes_on(tmp_path: Path) -> None:
    async with subscribed(tmp_path) as (app, hub, server):
        form = form_of(server)
        await hub.verify(form)
        due = source(app).next_poll_at
        for _ in range(2):
            assert (await hub.push(form, SECOND)).status_code == 202
        assert titles(app) == ["Ley 32108, la segunda", "Ley 32108, la primera"]
        assert source(app).next_poll_at == due


@pytest.mark.parametrize("mode", ["subscribe", "unsubscribe", "denied"])
@in_loop
async def test_a_hub_that_asks_back_for_what_we_did_not_want_is_refused(
    tmp_path: Path, mode: str
) -> None:
    async with subscribed(tmp_path) as (app, hub, server):
        form = form_of(server)
        answer = await hub.verify(form, mode=mode, topic="https://evil.example/feed")
        assert answer.status_code == 404
        other = {**form, "hub.callback": form["hub.callback"] + "x"}
        assert (await hub.verify(other, mode=mode)).status_code == 404
        assert (await hub.push(other, SECOND)).status_code == 404
        assert app.database.subscriptions()[0].lease_until is None
        assert len(titles(app)) == 1


@pytest.mark.parametrize("signature", ["", "sha256=00", "sha1=abc", "md5=abc", "sha256"])
@in_loop
async def test_what_is_not_signed_is_let_fall(tmp_path: Path, signature: str) -> None:
    async with subscribed(tmp_path) as (app, hub, server):
        form = form_of(server)
        await hub.verify(form)
        answer = await hub.push(form, SECOND, x_hub_signature=signature)
        assert answer.status_code == 202
        assert len(titles(app)) == 1


@in_loop
async def test_a_push_without_entries_makes_the_source_be_read_now(tmp_path: Path) -> None:
    async with subscribed(tmp_path) as (app, hub, server):
        form = form_of(server)
        await hub.verify(form)
        await hub.push(form, b"")
        before = source(app).polled_at
        await app.engine.settle(timedelta(seconds=10))
        assert source(app).polled_at != before


@in_loop
async def test_a_hub_that_refuses_or_denies_is_asked_again_later(tmp_path: Path, clock) -> None:
    async with subscribed(tmp_path) as (app, hub, server):
        form = form_of(server)
        await hub.verify(form, mode="denied", reason="no more room")
        (kept,) = app.database.subscriptions()
        assert "no more room" in kept.error
        assert kept.due > clock.now
        clock.now += timedelta(days=2)
        assert app.database.due_subscriptions(clock.now, 10) == ("news",)
        await app.subscriber.subscribe("news")
        assert len(server.asked) == 2
        assert form_of(server)["hub.callback"] == form["hub.callback"]


@in_loop
async def test_a_source_that_names_no_hub_any_more_is_forgotten_there(tmp_path: Path) -> None:
    hub = '<http://127.0.0.1:9/hub>; rel="hub"'
    answers = [
        respond(body=FIRST, content_type=XML, link=hub),
        respond(body=SECOND, content_type=XML),
    ]
    async with (
        serving(*answers) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        await app.subscriber.subscribe("news")  # nobody listens at that port
        assert app.database.subscriptions()[0].error
        await polled(app, "news")
        assert app.database.subscriptions() == ()


ATOM = (
    b'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><link rel="hub" href="/hub"/>'
    b'<link rel="self" href="https://a.example/atom"/></feed>'
)
IN_RSS = (
    b'<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>t</title>'
    b'<atom:link rel="hub" href="/hub"/><atom:link rel="self" href="https://a.example/atom"/>'
    b"</channel></rss>"
)
JSON = (
    b'{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [],'
    b'"feed_url": "https://a.example/atom", "hubs": [{"type": "WebSub", "url": "/hub"}]}'
)


@pytest.mark.parametrize("feed", [ATOM, IN_RSS, JSON])
@in_loop
async def test_a_hub_is_found_in_feeds_of_each_format(tmp_path: Path, feed: bytes) -> None:
    async with (
        serving(respond(body=feed)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        (kept,) = app.database.subscriptions()
        assert (kept.hub, kept.topic) == (f"{server.url}/hub", "https://a.example/atom")


@in_loop
async def test_the_header_wins_over_the_document(tmp_path: Path) -> None:
    header = '<https://h.example/>; rel="hub"; type="x", <https://h.example/t>; rel=self'
    async with (
        serving(respond(body=ATOM, link=header)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        (kept,) = app.database.subscriptions()
        assert (kept.hub, kept.topic) == ("https://h.example/", "https://h.example/t")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@in_loop
async def test_the_topic_is_where_the_feed_stands_in_the_end(tmp_path: Path, status: int) -> None:
    moved = respond(status, location="/moved")
    # a header of its own for each link
    named = respond(body=FIRST, content_type=XML, link='<https://h.example/>; rel="hub"')
    named = named.replace(b"\r\n\r\n", b'\r\nlink: </other>; rel="prev"\r\n\r\n', 1)
    async with (
        serving(moved, named) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        (kept,) = app.database.subscriptions()
        assert (kept.hub, kept.topic) == ("https://h.example/", f"{server.url}/moved")


PAGE = (
    b"<!doctype html><html><head><title>Strike</title><link rel='hub' href='/hub'>"
    b"<link href='https://a.example/page' rel=self></head><body><article><p>"
    + b"The drivers of eleven bus lines left the avenues empty this morning. " * 9
    + b"</p></article><link rel=hub href='https://evil.example/'></body></html>"
)


@in_loop
async def test_a_hub_is_found_in_the_head_of_a_page_which_is_read_when_it_rings(
    tmp_path: Path,
) -> None:
    async with serving(respond(202)) as hub_server:
        page = PAGE.replace(b"/hub", f"{hub_server.url}/hub".encode(), 1)
        async with serving(respond(body=page, content_type="text/html")) as server:
            folder = write_desk(tmp_path, feeds={"news": server.url})
            sources = folder / "sources.yaml"
            sources.write_text(sources.read_text().replace("kind: feed", "kind: page"))
            async with at_work(folder) as app:
                await polled(app, "news")
                (kept,) = app.database.subscriptions()
                assert (kept.hub, kept.topic) == (f"{hub_server.url}/hub", "https://a.example/page")
                await app.subscriber.subscribe("news")
                hub, form = Hub(app), form_of(hub_server)
                await hub.verify(form)
                await hub.push(form, page, content_type="text/html")
                await app.engine.settle(timedelta(seconds=10))
                assert len(server.asked) == 2


@pytest.mark.parametrize("status", [307, 308])
@in_loop
async def test_a_hub_that_moved_on_its_own_server_is_followed(tmp_path: Path, status: int) -> None:
    answers = (respond(body=ATOM), respond(status, location="new"), respond(202))
    async with (
        serving(*answers) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        await app.subscriber.subscribe("news")
        assert [one.target for one in server.asked] == ["/", "/hub", "/new"]
        assert app.database.subscriptions()[0].error == ""


@in_loop
async def test_a_hub_that_moved_is_followed(tmp_path: Path) -> None:
    async with serving(respond(202)) as hub:
        moved = respond(307, location=f"{hub.url}/new")
        async with (
            serving(respond(body=ATOM), moved) as server,
            at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
        ):
            await polled(app, "news")
            await app.subscriber.subscribe("news")
            assert [one.target for one in hub.asked] == ["/new"]
            assert parse_qs(hub.asked[0].body.decode())["hub.mode"] == ["subscribe"]


@in_loop
async def test_due_hubs_are_asked_by_the_beat(tmp_path: Path) -> None:
    async with serving(respond(202)) as hub:
        answer = respond(body=FIRST, content_type=XML, link=f'<{hub.url}>; rel="hub"')
        async with (
            serving(answer) as server,
            at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
        ):
            await polled(app, "news")
            await app.engine.tick()
            await app.engine.settle(timedelta(seconds=10))
            assert len(hub.asked) == 1


def test_no_hub_is_asked_to_call_where_it_cannot_reach_us() -> None:
    public, own = a_source(), a_source(allow_private=True)
    there = a_polled(spec=public)
    for base in (
        "http://127.0.0.1:8765",
        "http://localhost:8765",
        "http://10.1.2.3",
        "http://desk",
    ):
        assert not is_reachable(base, there)
        assert is_reachable(base, a_polled(spec=own))
    assert is_reachable("https://desk.example.org", there)


def test_signatures_are_those_of_the_specification() -> None:
    body, secret = b"a body", "a secret"
    for method in ("sha256", "sha384", "sha512"):
        given = hmac.new(secret.encode(), body, method).hexdigest()
        assert is_signed(body, f"{method}={given}", secret)
        assert not is_signed(body + b".", f"{method}={given}", secret)
        assert not is_signed(body, f"{method}={given}", "another")
    given = hmac.new(secret.encode(), body, "sha1").hexdigest()
    assert not is_signed(body, f"sha1={given}", secret)
