"""Private feeds: who has a token sees them, nobody else sees anything of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.catalogue import Catalogue, Site
from feeds.private import digest, new_token
from feeds.publish import publish
from feeds.shelf import topics
from rules import Problem
from store import Event, Feed
from tests.builders import BASE, NOON, a_rule, an_entry
from tests.feeds.test_web import Desk

SECRET = "inquiry"
"""What stands in every name, title and text that is private."""


class Guarded(Desk):
    """A desk with a public rule, a private rule, and a private feed of both."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.database.sync_rules(
            {"law-32108": ("v1", "L"), "extortion": ("v1", "E"), "inquiry": ("v1", "I")}
        )
        self.catalogue = self.published()
        self.database.hide_rules(self.catalogue.private_rules)
        both = an_entry("2", title="A story of both", text="Law 32108, and a quiet word.")
        self.find(both, "law-32108", "inquiry", at=NOON + timedelta(minutes=1))
        self.find(an_entry("3", title="The inquiry"), "inquiry", at=NOON + timedelta(minutes=2))
        self.matches = {m.entry.title: m.id for m in self.database.published(["inquiry"], 9)}
        self.token = new_token()
        self.kept = self.database.add_token("inquiry-desk", "Ana", digest(self.token), NOON)
        self.base = f"/private/{self.token}"

    def published(self, *more: Feed, rules: bool = True) -> Catalogue:
        held = [a_rule(), a_rule("extortion", "extorsion")]
        if rules:
            held.append(a_rule("inquiry", "quiet", title="The inquiry"))
        private = Feed(
            name="inquiry-desk",
            title="The inquiry desk",
            rules=("inquiry", "law-32108"),
            private=True,
        )
        public = Feed(name="peru", title="Peru", rules=("law-32108", "extortion"))
        return Catalogue.of(
            Site(title="The desk", base_url=BASE, languages=("es", "en")),
            {rule.id: rule for rule in held},
            [private, public, *more] if rules else [public, *more],
            problems=(
                Problem(file="rules/inquiry.yaml", line=1, column=1, code="R1", message="inquiry"),
            ),
            retired=self.database.retired_rules(),
            hidden=self.database.hide_rules(frozenset({"inquiry"} if rules else ())),
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Guarded]:
    with closing(Guarded(tmp_path)) as made:
        yield made


def test_a_token_opens_the_feed_in_every_format_under_its_own_address(desk: Guarded) -> None:
    for ending in ("rss", "atom", "json"):
        path = f"{desk.base}/feeds/inquiry-desk.{ending}"
        answer = desk.client.get(path)
        assert answer.status_code == 200
        assert "A story of both" in answer.text
        assert "The inquiry" in answer.text
        assert answer.headers["cache-control"] == "private, max-age=60"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["link"] == f'<{BASE}{path}>; rel="self"'
        assert f"{BASE}{path}" in answer.text
        again = desk.client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


def test_a_token_opens_the_pages_that_its_feed_leads_to(desk: Guarded) -> None:
    feed = desk.client.get(f"{desk.base}/feeds/inquiry-desk.json").json()
    assert feed["home_page_url"] == f"{BASE}{desk.base}/topics/inquiry-desk"
    pages = [feed["home_page_url"], *(item["_tocsin"]["match"] for item in feed["items"])]
    for page in pages:
        answer = desk.client.get(page)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-robots-tag"] == "noindex"
        for href in re.findall(r'href="([^"]+)"', answer.text):
            if not href.startswith(("http", "#")):
                assert desk.client.get(str(answer.url.join(href))).status_code == 200, href
    assert desk.client.get(f"{desk.base}/").url.path == f"{desk.base}/topics/inquiry-desk"


def test_a_token_opens_nothing_but_its_feed(desk: Guarded) -> None:
    for path in ("/feeds/all.atom", "/topics/peru", "/matches/nothing", "/sources", "/x"):
        assert desk.client.get(f"{desk.base}{path}").status_code == 404
    elsewhere = new_token()
    desk.database.add_token("no-such-feed", "", digest(elsewhere), NOON)
    assert desk.client.get(f"/private/{elsewhere}/feeds/no-such-feed.atom").status_code == 404


@pytest.mark.parametrize("path", ["/feeds/inquiry-desk.atom", "/topics/inquiry-desk", "/", ""])
def test_a_wrong_token_finds_nothing_there(desk: Guarded, path: str) -> None:
    wrong = new_token()
    for token in (wrong, desk.token[:-1], desk.token + "x", "", desk.kept.id):
        answer = desk.client.get(f"/private/{token}{path}")
        assert answer.status_code == 404, token
        assert SECRET not in answer.text
        assert wrong not in answer.text


def test_a_revoked_token_opens_nothing_any_more_and_others_still_do(desk: Guarded) -> None:
    other = new_token()
    desk.database.add_token("inquiry-desk", "Ben", digest(other), NOON)
    assert desk.client.get(f"{desk.base}/feeds/inquiry-desk.atom").status_code == 200
    assert desk.database.revoke_token(desk.kept.id) == desk.kept
    assert desk.client.get(f"{desk.base}/feeds/inquiry-desk.atom").status_code == 404
    assert desk.client.get(f"{desk.base}/topics/inquiry-desk").status_code == 404
    assert desk.client.get(f"/private/{other}/feeds/inquiry-desk.atom").status_code == 200
    assert desk.database.revoke_token(desk.kept.id) is None


def test_the_store_holds_no_token(desk: Guarded, tmp_path: Path) -> None:
    desk.client.get(f"{desk.base}/feeds/inquiry-desk.atom")
    for file in tmp_path.glob("tocsin.db*"):
        assert desk.token.encode() not in file.read_bytes()


PUBLIC = (
    "/",
    "/topics/all",
    "/topics/law-32108",
    "/topics/peru",
    "/rules",
    "/timeline",
    "/timeline/2026-11",
    "/sources",
    "/health",
    "/readyz",
    "/feeds.opml",
    *(f"/feeds/{n}.{e}" for n in ("all", "law-32108", "peru", "health") for e in ("atom", "json")),
    "/feeds/all/2026-11.rss",
    "/openapi.json",
)


def test_nothing_that_is_public_tells_of_what_is_private(desk: Guarded) -> None:
    about = "rules/inquiry.yaml"
    desk.database.note(Event(kind="desk.refused", about=about, words="inquiry", at=NOON))
    for path in PUBLIC:
        answer = desk.client.get(path)
        assert answer.status_code == 200, path
        assert SECRET not in answer.text.lower(), path
        assert desk.matches["A story of both"] not in answer.text
    law = desk.database.published(["law-32108"], 1)[0]
    page = desk.client.get(f"/matches/{law.id}")
    assert page.status_code == 200
    assert SECRET not in page.text


def test_what_is_private_is_not_found_at_public_addresses(desk: Guarded) -> None:
    for path in (
        "/feeds/inquiry.atom",
        "/feeds/inquiry-desk.atom",
        "/feeds/inquiry/2026-11.atom",
        "/topics/inquiry",
        "/topics/inquiry-desk",
        *(f"/matches/{match}" for match in desk.matches.values()),
    ):
        assert desk.client.get(path).status_code == 404, path
    assert not any(SECRET in topic for topic in topics(desk.catalogue))


def test_a_static_site_holds_nothing_private(desk: Guarded, tmp_path: Path) -> None:
    out = tmp_path / "site"
    publish(desk.database, desk.catalogue, out, NOON)
    for file in out.rglob("*"):
        assert SECRET not in str(file.relative_to(out))
        if file.is_file():
            assert SECRET not in file.read_text("utf-8").lower(), file


def test_a_rule_stays_hidden_when_it_is_removed(desk: Guarded) -> None:
    desk.database.sync_rules({"law-32108": ("v1", "L"), "extortion": ("v1", "E")})
    desk.catalogue = desk.published(rules=False)
    assert "inquiry" in desk.catalogue.hidden
    for path in (
        "/feeds/inquiry.atom",
        "/topics/inquiry",
        *map("/matches/{}".format, desk.matches.values()),
    ):
        assert desk.client.get(path).status_code == 404, path
    law = desk.database.published(["law-32108"], 1)[0]
    assert SECRET not in desk.client.get(f"/matches/{law.id}").text


def test_a_rule_that_a_public_feed_holds_too_is_public(desk: Guarded) -> None:
    desk.catalogue = desk.published(Feed(name="open", title="Open", rules=("inquiry",)))
    assert desk.client.get("/feeds/inquiry.atom").status_code == 200
    assert desk.client.get(f"/matches/{desk.matches['The inquiry']}").status_code == 200
    assert desk.client.get("/feeds/inquiry-desk.atom").status_code == 404
    assert desk.client.get(f"{desk.base}/feeds/inquiry-desk.atom").status_code == 200


def test_tokens_are_long_and_all_different() -> None:
    made = {new_token() for _ in range(1000)}
    assert len(made) == 1000
    assert {len(token) for token in made} == {43}


def test_a_match_of_a_private_rule_is_committed_and_shown_at_once(desk: Guarded) -> None:
    path = f"{desk.base}/feeds/inquiry-desk.json"
    before = len(desk.client.get(path).json()["items"])
    desk.find(an_entry("9"), "inquiry", at=NOON + timedelta(minutes=9))
    assert len(desk.client.get(path).json()["items"]) == before + 1
