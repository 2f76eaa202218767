"""The feed behind an address is found: named by its page, or at the usual places."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.desks import at_work, rss, write_desk
from tests.feeds.servers import Asked, Server, in_loop, respond, serving
from tests.journeys.running import tocsin
from watcher.discover import Discoverer, Found
from watcher.fetch import FetchError
from watcher.parse import ParseError

XML = "application/rss+xml"
FEED = respond(body=rss(("1", "Ley 32108"), ("2", "Otra")), content_type=XML)
COMMENTS = respond(body=rss(("9", "Comentario")), content_type=XML)


def page(*links: str) -> bytes:
    head = "".join(links)
    body = f"<!doctype html><html><head>{head}</head><body><p>Diario</p></body></html>"
    return respond(body=body.encode(), content_type="text/html")


def link(href: str, title: str = "", kind: str = XML) -> str:
    return f'<link rel="alternate" type="{kind}" title="{title}" href="{href}">'


def at(**answers: bytes) -> Callable[[Asked], bytes]:
    """Return what answers by path: `feed_xml=…` is at /feed.xml, `_=…` at the root."""
    by_path = {f"/{name.strip('_').replace('_', '.')}": answer for name, answer in answers.items()}
    return lambda asked: by_path.get(asked.target, respond(404))


async def found(tmp_path: Path, server: Server, path: str = "/") -> tuple[Found, ...]:
    async with at_work(write_desk(tmp_path)) as app:
        looking = Discoverer(app.outgoing, app.readers, allow_private=True)
        return await looking.found(server.url + path)


@in_loop
async def test_a_feed_s_own_address_is_the_feed(tmp_path: Path) -> None:
    async with serving(FEED) as server:
        (one,) = await found(tmp_path, server)
    assert one.address == server.url + "/"
    assert len(one.entries) == 2


@in_loop
async def test_a_page_names_its_feeds_and_that_of_its_comments_comes_last(tmp_path: Path) -> None:
    named = page(
        link("/comments", "Comments"), link("news", "Portada"), link("/gone"), link("news")
    )
    async with serving(at(_=named, news=FEED, comments=COMMENTS)) as server:
        found_ones = await found(tmp_path, server)
    assert [one.address for one in found_ones] == [f"{server.url}/news", f"{server.url}/comments"]


@in_loop
async def test_a_page_that_names_none_is_asked_at_the_usual_places(tmp_path: Path) -> None:
    async with serving(at(_=page(), rss_xml=FEED)) as server:
        (one,) = await found(tmp_path, server)
    assert one.address == f"{server.url}/rss.xml"


@in_loop
async def test_where_there_is_no_feed_the_reason_is_told(tmp_path: Path) -> None:
    async with serving(at(_=page(link("javascript:x"), link("/gone")))) as server:
        with pytest.raises(ParseError, match="no feed is advertised"):
            await found(tmp_path, server)
        with pytest.raises(FetchError, match="404"):
            await found(tmp_path, server, "/nothing")


@in_loop
async def test_a_feed_is_added_by_command_with_what_it_brings(tmp_path: Path) -> None:
    desk = write_desk(tmp_path / "desk")
    before = (desk / "sources.yaml").read_text("utf-8")
    async with serving(at(_=page(link("/news", "Portada")), news=FEED)) as server:

        async def add(*options: str) -> tuple[int, str, str]:
            done = await asyncio.to_thread(
                tocsin, "sources", "add", server.url, "--allow-private", *options, cwd=desk
            )
            return done.returncode, done.stdout, done.stderr

        code, said, _ = await add("--dry-run")
        assert code == 0
        assert "would add" in said
        assert "law-32108 1" in said
        assert (desk / "sources.yaml").read_text("utf-8") == before
        code, said, error = await add("--name", "diario", "--json")
        assert code == 0, error
        told = json.loads(said)
        assert (told["name"], told["entries"], told["matches"]) == ("diario", 2, {"law-32108": 1})
        written = (desk / "sources.yaml").read_text("utf-8")
        assert written.startswith(before.rstrip("\n"))
        assert "allow_private: true" in written
        code, _, error = await add("--name", "again")
        assert code == 2
        assert "already" in error
    assert tocsin("check", cwd=desk).returncode == 0
