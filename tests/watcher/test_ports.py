"""A port that an operator wrote into an address is reached there; nobody else opens another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desks import SECRET, at_work, polled, rss, source, titles, write_desk
from tests.feeds.servers import Asked, Receiver, in_loop, respond, serving

XML = "application/rss+xml; charset=utf-8"
LAW = ("1", "La Ley 32108")


def public_desk(folder: Path, feed: int, receiver: int) -> Path:
    """Write a desk whose feed and receiver have names and odd ports, and no `allow_private`."""
    return write_desk(
        folder,
        feeds={"news": f"http://news.example:{feed}/feed"},
        receiver=f"http://desk.example:{receiver}/hook",
        private=False,
    )


@in_loop
async def test_a_source_and_a_webhook_with_ports_of_their_own_are_reached(
    tmp_path: Path, reached: list[int]
) -> None:
    receiver = Receiver(secret=SECRET)
    async with (
        serving(respond(body=rss(LAW), content_type=XML)) as server,
        serving(receiver) as endpoint,
        at_work(public_desk(tmp_path, server.port, endpoint.port)) as app,
    ):
        found = await polled(app, "news")
        assert (found.error, found.committed.matched) == ("", 1)
        await app.drainer.drain("newsroom")
        assert len(receiver.taken) == 1
        assert set(reached) == {server.port, endpoint.port}


@pytest.mark.parametrize("status", [302, 308])
@pytest.mark.parametrize("host", ["news.example", "other.example"])
@in_loop
async def test_a_source_that_redirects_to_another_port_is_refused_and_says_why(
    tmp_path: Path, reached: list[int], host: str, status: int
) -> None:
    async with serving(respond(body=rss(LAW), content_type=XML)) as other:
        to_other = respond(status, location=f"http://{host}:{other.port}/feed")
        async with (
            serving(to_other) as server,
            at_work(public_desk(tmp_path, server.port, 9)) as app,
        ):
            found = await polled(app, "news")
            assert f"{host} is refused: port {other.port} is not one of the web's" in found.error
            assert source(app).error == found.error
            assert reached == [server.port]
        assert other.connections == 0


@in_loop
async def test_the_port_of_a_source_is_open_at_its_own_host_alone(
    tmp_path: Path, reached: list[int]
) -> None:
    def answer(asked: Asked) -> bytes:
        there = asked.headers["host"].replace("news", "www.news")
        return respond(301, location=f"http://{there}/feed")

    async with (
        serving(answer) as server,
        at_work(public_desk(tmp_path, server.port, 9)) as app,
    ):
        found = await polled(app, "news")
        assert f"www.news.example is refused: port {server.port}" in found.error
        assert reached == [server.port]


@in_loop
async def test_a_webhook_that_redirects_to_another_port_reaches_nobody(
    tmp_path: Path, reached: list[int]
) -> None:
    async with serving(Receiver(secret=SECRET)) as other:
        to_other = respond(307, location=f"http://desk.example:{other.port}/hook")
        async with (
            serving(respond(body=rss(LAW), content_type=XML)) as server,
            serving(to_other) as endpoint,
            at_work(public_desk(tmp_path, server.port, endpoint.port)) as app,
        ):
            await polled(app, "news")
            await app.drainer.drain("newsroom")
            (delivery,) = app.database.deliveries()
            assert (delivery.state, delivery.attempts) == ("due", 1)
            assert titles(app) == ["La Ley 32108"]
        assert set(reached) == {server.port, endpoint.port}
        assert other.connections == 0
