"""The desk's own health feed tells, in every format, what happened to the desk itself."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import get_args

import feedparser
import pytest

from feeds.bulletin import bulletin, headline
from feeds.publish import publish
from feeds.render import atom, rss
from store import Event, EventKind, Poll
from tests.builders import BASE, NOON, a_catalogue, a_source
from tests.feeds.test_web import Desk

HOSTILE = "no <b>answer</b> \x00\ud800"


def an_event(kind: EventKind = "source.failing", **changed) -> Event:
    return Event(**{"kind": kind, "about": "rpp", "words": "no answer", "at": NOON, **changed})


def test_each_kind_of_event_has_a_headline_that_names_its_subject() -> None:
    told = [headline(an_event(kind)) for kind in get_args(EventKind)]
    assert all("rpp" in one for one in told)
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("render", [atom, rss])
def test_hostile_words_harm_no_format(render) -> None:
    found = feedparser.parse(
        io.BytesIO(render(bulletin([an_event(words=HOSTILE)], a_catalogue()))),
        response_headers={"content-type": "application/xml"},
    )
    assert not found.bozo
    assert "&lt;b&gt;answer&lt;/b&gt;" in (
        found.entries[0].summary if render is rss else found.entries[0].content[0].value
    )


def test_what_happens_is_served_as_a_feed_with_its_page(desk: Desk) -> None:
    before = desk.client.get("/feeds/health.json")
    assert before.json()["items"] == []
    desk.database.note(an_event())
    desk.database.note(an_event("source.recovered", at=NOON + timedelta(hours=1)))
    for ending in ("rss", "atom", "json"):
        answer = desk.client.get(f"/feeds/health.{ending}")
        assert answer.status_code == 200
        assert answer.headers["link"] == f'<{BASE}/feeds/health.{ending}>; rel="self"'
        assert answer.headers["etag"] != before.headers["etag"]
        tag = {"if-none-match": answer.headers["etag"]}
        assert desk.client.get(f"/feeds/health.{ending}", headers=tag).status_code == 304
    latest, first = desk.client.get("/feeds/health.json").json()["items"]
    assert (first["title"], latest["title"]) == (
        "Source rpp wants a look",
        "Source rpp is well again",
    )
    assert first["_tocsin"]["event"] == "source.failing"
    assert "tocsin sources check rpp" in first["content_html"]
    page = desk.client.get("/health").text
    assert f'id="{first["url"].partition("#")[2]}"' in page


def test_the_page_tells_what_is_wrong_now(desk: Desk) -> None:
    assert "None is in trouble" in desk.client.get("/health").text
    claim = desk.database.claim("green-left", NOON, timedelta(minutes=1), due_only=False)
    assert claim is not None
    failed = Poll(
        source="green-left",
        token=claim.token,
        at=NOON,
        next_poll_at=NOON,
        error="it answered 500",
    )
    desk.database.commit(failed)
    desk.database.sync_endpoints(["newsroom"], NOON)
    desk.ready = False
    page = desk.client.get("/health").text
    assert "the store cannot be written" in page
    assert "<strong>failing</strong>: it answered 500" in page
    assert 'href="./sources#green-left"' in page
    assert "newsroom" in page


def test_the_static_site_has_it_too(desk: Desk, tmp_path: Path) -> None:
    desk.database.note(an_event())
    publish(desk.database, desk.catalogue, tmp_path / "site", NOON)
    (item,) = json.loads((tmp_path / "site/feeds/health.json").read_bytes())["items"]
    assert item["title"] == "Source rpp wants a look"
    assert "Source rpp wants a look" in (tmp_path / "site/health/index.html").read_text("utf-8")


def test_a_source_named_like_an_endpoint_is_another_subject(desk: Desk) -> None:
    desk.database.sync_sources([a_source("newsroom")], NOON)
    desk.database.note(an_event(about="newsroom"))
    desk.database.note(an_event("endpoint.disabled", about="newsroom"))
    assert len(desk.client.get("/feeds/health.json").json()["items"]) == 2
