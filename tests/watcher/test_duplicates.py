"""Two sources that are one feed are told, and both are read until the operator decides."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from store import Moved
from store.condition import conditions
from tests.builders import NOON, a_polled, a_source
from tests.desks import at_work, polled, rss, write_desk
from tests.feeds.servers import in_loop, respond, serving
from tests.journeys.running import tocsin
from watcher.commands import sources

FEED = respond(body=rss(("1", "Ley 32108")), content_type="application/rss+xml")
SAME = "the same feed as"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"address": "http://www.A.pe/rss/"}, {"address": "https://a.pe:443/rss"}, True),
        ({"address": "https://a.pe/rss?cat=1"}, {"address": "https://a.pe/rss?cat=2"}, False),
        ({"address": "https://a.pe/rss"}, {"address": "https://a.pe:8443/rss"}, False),
        ({"address": "https://me:1@a.pe/"}, {"address": "https://you:2@a.pe/"}, False),
        ({"address": "https://a.pe/rss"}, {"address": "https://a.pe/rss", "enabled": False}, False),
        (
            {"address": "https://a.pe/", "kind": "page", "links": "h2 a"},
            {"address": "https://a.pe/", "kind": "page", "links": "h3 a"},
            False,
        ),
        ({"address": "articles", "kind": "files"}, {"address": "articles/", "kind": "files"}, True),
    ],
)
def test_sources_are_one_feed_where_the_same_address_is_read(one, other, same: bool) -> None:
    both = [
        a_polled(spec=a_source(name, **changed), polled_at=NOON)
        for name, changed in (("one", one), ("other", other))
    ]
    told = {source.name: of for source, of in conditions(both, NOON)}
    assert (told["one"].state == "duplicate") is same
    assert told["one"].words.startswith(f"{SAME} other" if same else "it has shown nothing")
    assert not told["one"].troubled


def test_what_else_is_said_of_a_source_stays() -> None:
    # given three names of one feed: one that moved there, one that fails, one not read yet
    moved = Moved(address="https://a.pe/rss", since=NOON - timedelta(days=2), polls=5)
    spec = a_source("c", address="https://a.pe/rss")
    told = {
        source.name: str(of)
        for source, of in conditions(
            [
                a_polled("a", moved=moved, polled_at=NOON),
                a_polled(spec=spec, error="no answer", polled_at=NOON),
                a_polled(spec=a_source("d", address="http://a.pe/rss/")),
            ],
            NOON,
        )
    }
    assert told["a"].startswith("moved: read at https://a.pe/rss")
    assert told["a"].endswith(f"; {SAME} c, d: one of them is enough")
    assert told["c"] == "failing: no answer"
    assert told["d"] == f"new: {SAME} a, c: one of them is enough"


@in_loop
async def test_a_source_that_moved_to_where_another_is_read_is_told_and_both_are_read_on(
    tmp_path: Path, clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(FEED) as new, serving(respond(301, location=f"{new.url}/feed")) as old:
        feeds = {"old": old.url, "new": f"{new.url}/feed/"}
        async with at_work(write_desk(tmp_path, feeds=feeds)) as app:
            for _ in range(4):
                await polled(app, "old")
                await polled(app, "new")
                clock.now += timedelta(hours=10)
        capsys.readouterr()

        # when the sources are listed, then both say so, and when they are read next
        monkeypatch.setattr(sources, "utc_now", clock)
        sources.show(tmp_path, json=True)
        listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
        assert [listed[name]["same_as"] for name in ("old", "new")] == [["new"], ["old"]]
        assert [listed[name]["state"] for name in ("old", "new")] == ["moved", "duplicate"]
        assert all(listed[name]["next_poll"] for name in feeds)

        # and a check, which asks now, says it too, and finds nothing wrong with it
        done = await asyncio.to_thread(tocsin, "sources", "check", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"well; {SAME} new: one of them is enough" in done.stdout


@in_loop
async def test_a_feed_that_is_watched_is_not_added_again_in_another_spelling(
    tmp_path: Path,
) -> None:
    async with serving(FEED) as server:
        write_desk(tmp_path, feeds={"news": f"{server.url}/feed"})
        (tmp_path / "feeds.opml").write_text(
            '<opml version="2.0"><body>'
            f'<outline xmlUrl="{server.url}/feed/" text="Known"/>'
            '<outline xmlUrl="https://a.pe/rss" text="A"/>'
            '<outline xmlUrl="http://www.a.pe/rss/" text="A again"/></body></opml>',
            "utf-8",
        )

        def run(*arguments: str) -> tuple[int, str]:
            done = tocsin(*arguments, cwd=tmp_path)
            return done.returncode, done.stdout + done.stderr

        add = ("sources", "add", f"{server.url}/feed/", "--allow-private")
        code, said = await asyncio.to_thread(run, *add)
        assert (code, "watches it already, as news" in said) == (2, True), said
        code, said = await asyncio.to_thread(run, "sources", "import", "feeds.opml")
        assert (code, "1 added, 2 known already" in said) == (0, True), said
