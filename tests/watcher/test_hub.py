"""Our hub confirms what it is asked, sends each changed feed, and forgets who is gone."""

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

from feeds.hub import router
from feeds.shelf import Shelf
from rules import Entry
from tests.desks import at_work, write_desk
from tests.feeds.servers import Answer, Asked, Server, in_loop, respond, serving
from tests.watcher.conftest import Clock
from watcher.app import App
from watcher.clock import utc_now

TOPIC = "feeds/law-32108.atom"


def confirming(asked: Asked) -> bytes:
    """Answer as a subscriber does that meant what it asked."""
    query = parse_qs(urlsplit(asked.target).query)
    return respond(body=query.get("hub.challenge", [""])[0].encode())


def pushes(server: Server) -> list[Asked]:
    return [one for one in server.asked if one.method == "POST"]


class Desk:
    """A desk whose hub is asked over HTTP, and whose jobs a test runs."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.base = app.state.catalogue.site.base_url
        web = FastAPI()
        web.include_router(router(app.hub.ask))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(web), base_url=app.state.catalogue.site.base_url
        )

    async def ask(self, callback: str, **changed: str) -> httpx.Response:
        form = {"mode": "subscribe", "topic": f"{self.base}/{TOPIC}", "callback": callback}
        fields = {f"hub.{name}": value for name, value in (form | changed).items()}
        answer = await self.client.post("/hub", data=fields)
        await self.done()
        return answer

    async def find(self, key: str) -> None:
        """Take in an article that matches, and let the hub do what follows."""
        await self.app.take_entries("inbox", [Entry(key=key, title=f"{key}: la Ley 32108")])
        await self.done()

    async def done(self) -> None:
        await self.app.engine.settle(timedelta(seconds=20))


@asynccontextmanager
async def a_desk(folder: Path, hub: str = "allow_private = true") -> AsyncIterator[Desk]:
    write_desk(folder)
    with (folder / "tocsin.toml").open("a") as settings:
        settings.write(f"[hub]\n{hub}\n")
    async with at_work(folder) as app:
        yield Desk(app)


@asynccontextmanager
async def a_subscriber(
    folder: Path, answer: Answer = confirming, **asked: str
) -> AsyncIterator[tuple[Desk, Server]]:
    async with serving(answer) as server, a_desk(folder) as desk:
        assert (await desk.ask(f"{server.url}/told?me=1", **asked)).status_code == 202
        yield desk, server


@in_loop
async def test_a_subscriber_that_confirms_is_sent_the_feed_signed_with_its_secret(
    tmp_path: Path,
) -> None:
    async with a_subscriber(tmp_path, secret="s3cret") as (desk, server):
        asked = parse_qs(urlsplit(server.asked[0].target).query)
        assert asked["me"] == ["1"]
        assert asked["hub.mode"] == ["subscribe"]
        assert asked["hub.topic"] == [f"{desk.base}/{TOPIC}"]
        assert asked["hub.lease_seconds"] == ["864000"]

        await desk.find("one")
        (pushed,) = pushes(server)
        catalogue = desk.app.state.catalogue
        shown = Shelf(desk.app.database, utc_now).document(catalogue, f"/{TOPIC}")
        assert pushed.body == shown.body
        assert pushed.headers["content-type"] == "application/atom+xml; charset=utf-8"
        assert pushed.headers["link"] == (
            f'<{desk.base}/{TOPIC}>; rel="self", <{desk.base}/hub>; rel="hub"'
        )
        signed = hmac.new(b"s3cret", pushed.body, hashlib.sha256).hexdigest()
        assert pushed.headers["x-hub-signature"] == f"sha256={signed}"

        await desk.app.hub.owe_changes()
        await desk.done()
        assert len(pushes(server)) == 1  # what did not change is not sent again


@pytest.mark.parametrize("ending", ["rss", "json"])
@in_loop
async def test_what_is_pushed_is_what_stands_at_the_topic_whatever_its_format(
    tmp_path: Path, ending: str
) -> None:
    async with serving(confirming) as server, a_desk(tmp_path) as desk:
        topic = f"feeds/law-32108.{ending}"
        # what a hub does not know of a request changes nothing
        await desk.ask(f"{server.url}/told", topic=f"{desk.base}/{topic}", foo="hub.bar")
        await desk.find("one")
        (pushed,) = pushes(server)
        shelf = Shelf(desk.app.database, utc_now)
        shown = shelf.document(desk.app.state.catalogue, f"/{topic}")
        assert (pushed.body, pushed.headers["content-type"]) == (shown.body, shown.media_type)
        assert pushed.headers["link"] == (
            f'<{desk.base}/{topic}>; rel="self", <{desk.base}/hub>; rel="hub"'
        )


@in_loop
async def test_without_a_secret_nothing_is_signed_and_other_feeds_are_not_sent(
    tmp_path: Path,
) -> None:
    async with a_subscriber(tmp_path) as (desk, server):
        await desk.app.take_entries("inbox", [Entry(key="x", title="Una extorsion")])
        await desk.done()
        assert not pushes(server)
        await desk.find("one")
        assert "x-hub-signature" not in pushes(server)[0].headers


@pytest.mark.parametrize(
    "answer",
    [respond(404), respond(body=b"something else"), respond(302, location="/elsewhere")],
    ids=["refused", "no echo", "redirected"],
)
@in_loop
async def test_who_does_not_confirm_is_sent_nothing(tmp_path: Path, answer: bytes) -> None:
    async with a_subscriber(tmp_path, answer) as (desk, server):
        await desk.find("one")
        assert not pushes(server)
        assert not desk.app.database.hub_subscribers()


@in_loop
async def test_a_callback_that_is_down_is_asked_again_and_then_forgotten(
    tmp_path: Path, clock: Clock
) -> None:
    async with serving(b"") as server, a_desk(tmp_path) as desk:
        await desk.ask(f"{server.url}/told")
        for _ in range(4):
            clock.now += timedelta(minutes=1)
            for name in desk.app.database.due_hub_requests(clock.now, 10):
                await desk.app.hub.confirm(name)
        assert len(server.asked) == 3
        assert not desk.app.database.due_hub_requests(clock.now, 10)


@in_loop
async def test_asked_again_a_subscription_is_renewed_with_its_new_secret_and_lease(
    tmp_path: Path, clock: Clock
) -> None:
    async with a_subscriber(tmp_path, secret="first") as (desk, server):
        await desk.ask(f"{server.url}/told?me=1", secret="second", lease_seconds="99999999")
        (kept,) = desk.app.database.hub_subscribers()
        assert (kept.secret, kept.lease_until) == ("second", clock.now + timedelta(days=30))
        await desk.find("one")
        assert len(pushes(server)) == 1


@in_loop
async def test_a_renewal_that_is_not_confirmed_leaves_the_subscription_as_it_was(
    tmp_path: Path,
) -> None:
    verified = 0

    def once(asked: Asked) -> bytes:
        nonlocal verified
        verified += asked.method == "GET"
        return respond(404) if verified > 1 and asked.method == "GET" else confirming(asked)

    async with a_subscriber(tmp_path, once, secret="first") as (desk, server):
        await desk.ask(f"{server.url}/told?me=1", secret="second")
        await desk.find("one")
        (pushed,) = pushes(server)
        signed = hmac.new(b"first", pushed.body, hashlib.sha256).hexdigest()
        assert pushed.headers["x-hub-signature"] == f"sha256={signed}"


@in_loop
async def test_a_confirmed_unsubscription_ends_it_and_one_that_is_not_confirmed_does_not(
    tmp_path: Path,
) -> None:
    meant = False

    def answer(asked: Asked) -> bytes:
        is_asked_to_end = b"unsubscribe" in asked.lines[0] if asked.lines else False
        is_asked_to_end = is_asked_to_end or "unsubscribe" in asked.target
        return respond(404) if is_asked_to_end and not meant else confirming(asked)

    async with a_subscriber(tmp_path, answer) as (desk, server):
        await desk.ask(f"{server.url}/told?me=1", mode="unsubscribe")
        await desk.find("one")
        assert len(pushes(server)) == 1
        meant = True
        await desk.ask(f"{server.url}/told?me=1", mode="unsubscribe")
        await desk.find("two")
        assert len(pushes(server)) == 1


@in_loop
async def test_a_lease_ends(tmp_path: Path, clock: Clock) -> None:
    async with a_subscriber(tmp_path, lease_seconds="1") as (desk, server):
        clock.now += timedelta(minutes=4)
        await desk.find("within the shortest lease")
        clock.now += timedelta(minutes=2)
        await desk.find("after it")
        assert len(pushes(server)) == 1
        assert not desk.app.database.hub_subscribers()


@in_loop
async def test_who_answers_410_is_forgotten(tmp_path: Path) -> None:
    def leaving(asked: Asked) -> bytes:
        return respond(410) if asked.method == "POST" else confirming(asked)

    async with a_subscriber(tmp_path, leaving) as (desk, server):
        await desk.find("one")
        await desk.find("two")
        assert len(pushes(server)) == 1
        assert not desk.app.database.hub_subscribers()


@in_loop
async def test_a_subscriber_that_was_down_gets_the_feed_once_as_it_is_by_then(
    tmp_path: Path, clock: Clock
) -> None:
    is_down = True

    def answer(asked: Asked) -> bytes:
        return respond(503) if asked.method == "POST" and is_down else confirming(asked)

    async with a_subscriber(tmp_path, answer) as (desk, server):
        await desk.find("one")
        await desk.find("two")
        assert len(pushes(server)) == 1
        is_down = False
        clock.now += timedelta(seconds=6)
        for name in desk.app.database.due_endpoints(clock.now):
            await desk.app.drainer.drain(name)
        assert len(pushes(server)) == 2
        assert b"one: la Ley" in pushes(server)[1].body
        assert b"two: la Ley" in pushes(server)[1].body


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"mode": "publish"}, "hub.mode"),
        ({"topic": "https://other.example/feed"}, "hub.topic"),
        ({"topic": "http://127.0.0.1:0/feeds/nothing.atom"}, "hub.topic"),
        ({"topic": "http://127.0.0.1:0/feeds/law-32108.pdf"}, "hub.topic"),
        ({"callback": "javascript:alert(1)"}, "hub.callback"),
        ({"callback": ""}, "hub.callback"),
        ({"secret": "x" * 200}, "hub.secret"),
        ({"lease_seconds": "soon"}, "hub.lease_seconds"),
        ({"lease_seconds": "-1"}, "hub.lease_seconds"),
    ],
)
@in_loop
async def test_what_is_no_request_is_refused_with_its_reason(
    tmp_path: Path, changed: dict[str, str], reason: str
) -> None:
    async with a_desk(tmp_path) as desk:
        answer = await desk.ask(**({"callback": "https://a.example/told"} | changed))
        assert answer.status_code == 400
        assert reason in answer.text


PRIVATE = """allow_private = true
[feeds.own]
title = "Own"
rules = ["law-32108"]
private = true
"""


@in_loop
async def test_nobody_is_pushed_what_is_private(tmp_path: Path) -> None:
    places = ("feeds/law-32108.atom", "feeds/own.atom", f"private/{'x' * 43}/feeds/own.atom")
    async with serving(confirming) as server, a_desk(tmp_path, PRIVATE) as desk:
        for place in places:
            asked = await desk.ask(f"{server.url}/told", topic=f"{desk.base}/{place}")
            assert asked.status_code == 400
        asked = await desk.ask(f"{server.url}/told", topic=f"{desk.base}/feeds/all.atom")
        assert asked.status_code == 202
        await desk.find("one")
        assert not any(b"one: la Ley" in one.body for one in pushes(server))


@pytest.mark.parametrize("later", [PRIVATE, "allow_private = true\nown = false"])
@in_loop
async def test_who_subscribed_before_a_feed_was_private_or_the_hub_closed_is_pushed_nothing_more(
    tmp_path: Path, later: str
) -> None:
    async with serving(confirming) as server:
        async with a_desk(tmp_path) as desk:
            await desk.ask(f"{server.url}/told")
            await desk.find("one")
        assert len(pushes(server)) == 1
        async with a_desk(tmp_path, later) as desk:
            await desk.find("two")
            assert desk.app.database.hub_subscribers() == ()
            # but is told that there is nothing more, once
            for _ in range(2):
                await desk.app.engine.tick()
                await desk.done()
        assert len(pushes(server)) == 1
        (_, denied) = (
            parse_qs(urlsplit(one.target).query) for one in server.asked if one.method == "GET"
        )
        assert denied == {
            "hub.mode": ["denied"],
            "hub.topic": [f"{desk.base}/{TOPIC}"],
            "hub.reason": ["the feed is pushed no more"],
        }


@in_loop
async def test_a_callback_on_a_private_address_is_never_connected_to(tmp_path: Path) -> None:
    async with serving(confirming) as server, a_desk(tmp_path, "own = true") as desk:
        assert (await desk.ask(f"{server.url}/told")).status_code == 202
        await desk.find("one")
        assert server.connections == 0


@in_loop
async def test_a_request_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        assert (await desk.ask("https://a.example/told", other="x" * 20_000)).status_code == 413


@pytest.mark.parametrize("answer", [respond(204), respond(202)])
@in_loop
async def test_hubs_of_others_are_told_the_name_of_each_feed_that_changed(
    tmp_path: Path, answer: bytes
) -> None:
    async with (
        serving(answer) as server,
        a_desk(tmp_path, f'others = ["{server.url}/"]\nown = false\nallow_private = true') as desk,
    ):
        assert desk.app.state.catalogue.hubs == (f"{server.url}/",)
        await desk.find("one")
        rung = [dict(parse_qsl(asked.body.decode())) for asked in pushes(server)]
        assert {one["hub.mode"] for one in rung} == {"publish"}
        assert {one["hub.url"] for one in rung} == {
            f"{desk.base}/feeds/{name}.{ending}"
            for name in ("law-32108", "all")
            for ending in ("atom", "rss", "json")
        }


@in_loop
async def test_too_many_requests_wait_for_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.hubs.MOST_WAITING", 0)
    async with a_desk(tmp_path) as desk:
        answer = await desk.ask("https://a.example/told")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
