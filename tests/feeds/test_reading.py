"""The API shows programs what is published, page by page, and nothing that is private."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.builders import BASE, NOON, an_entry
from tests.feeds.test_private import SECRET, Guarded
from tests.feeds.test_web import Desk


def test_feeds_and_rules_are_listed_with_their_counts(desk: Desk) -> None:
    feeds = {one["name"]: one for one in desk.client.get("/api/v1/feeds").json()}
    assert list(feeds) == ["law-32108", "extortion", "all"]
    assert feeds["all"]["matches"] == 1
    assert feeds["all"]["addresses"]["atom"] == f"{BASE}/feeds/all.atom"
    rules = {one["id"]: one for one in desk.client.get("/api/v1/rules").json()}
    assert rules["law-32108"]["query"] == "law:32108"
    assert (rules["law-32108"]["matches"], rules["extortion"]["matches"]) == (1, 0)
    assert rules["extortion"]["last"] is None


def test_matches_come_page_by_page_each_once(desk: Desk) -> None:
    for number in range(2, 8):
        desk.find(an_entry(str(number)), at=NOON + timedelta(minutes=number))
    seen: list[str] = []
    asked = {"feed": "law-32108", "limit": "3"}
    while True:
        found = desk.client.get("/api/v1/matches", params=asked).json()
        assert len(found["matches"]) <= 3
        seen += [one["entry"]["title"] for one in found["matches"]]
        if found["next"] is None:
            break
        asked["before"] = found["next"]
    assert seen == [f"Article {number}" for number in (7, 6, 5, 4, 3, 2, 1)]
    since = {"since": (NOON + timedelta(minutes=5)).isoformat(), "limit": "2"}
    later = desk.client.get("/api/v1/matches", params=since).json()
    assert [one["seq"] for one in later["matches"]] == [7, 6]
    rest = desk.client.get("/api/v1/matches", params={**since, "before": later["next"]}).json()
    assert ([one["seq"] for one in rest["matches"]], rest["next"]) == ([5], None)


def test_a_match_says_why(desk: Desk) -> None:
    (match,) = desk.client.get("/api/v1/matches").json()["matches"]
    (place,) = match["because"]
    assert (place["term"], place["quote"]) == ("law:32108", "Law 32108")
    assert place["context"] == "They want to scrap Law 32108 now."
    assert (match["rule"], match["version"]) == ("law-32108", "v1")
    assert match["page"] == f"{BASE}/matches/{match['id']}"
    assert desk.client.get(f"/api/v1/matches/{match['id']}").json() == match


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/matches?feed=nothing", 404),
        ("/api/v1/matches/nothing", 404),
        ("/api/v1/matches?limit=0", 422),
        ("/api/v1/matches?limit=101", 422),
        ("/api/v1/matches?since=yesterday", 422),
        ("/api/v1/matches?before=2026-11-24T12:00:00", 422),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(desk: Desk, path: str, status: int) -> None:
    answer = desk.client.get(path)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_the_api_is_described(desk: Desk) -> None:
    paths = desk.client.get("/openapi.json").json()["paths"]
    assert {"/api/v1/feeds", "/api/v1/rules", "/api/v1/matches"} <= paths.keys()


def test_people_read_of_every_call_without_a_script_or_another_site(desk: Desk) -> None:
    described = desk.client.get("/openapi.json").json()
    page = LexborHTMLParser(desk.client.get("/docs").text)
    shown = [node.text() for node in page.css("h2")]
    for path, methods in described["paths"].items():
        assert [f"{method.upper()} {path}" in shown for method in methods] == [True] * len(methods)
    assert {"MatchOut", "FeedOut", "RuleOut"} <= set(shown)
    assert not page.css("script, iframe, img")
    places = [node.attributes["href"] or "" for node in page.css("[href]")]
    assert not [place for place in places if "//" in place]
    named = {node.attributes["id"] for node in page.css("[id]")}
    assert {place[1:] for place in places if place.startswith("#")} <= named


def test_nothing_private_is_told(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    for path in ("/feeds", "/rules", "/matches"):
        answer = guarded.client.get(f"/api/v1{path}")
        assert answer.status_code == 200
        assert SECRET not in answer.text.lower()
    for path in ("?feed=inquiry", "?feed=inquiry-desk", f"/{guarded.matches['The inquiry']}"):
        assert guarded.client.get(f"/api/v1/matches{path}").status_code == 404
    guarded.close()
