"""What the web server promises to feed readers and browsers."""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import feedparser
import pytest
from fastapi.testclient import TestClient
from selectolax.lexbor import LexborHTMLParser

from feeds.catalogue import Catalogue
from feeds.health import Health
from feeds.publish import PublishError, publish
from feeds.web import create_app
from rules import Problem
from store import Poll, SourceSpec
from store.database import Database
from tests.builders import BASE, NOON, a_catalogue, a_match, a_rule, a_source, an_entry, judged

FEED = "/feeds/law-32108.atom"
TYPES = {
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "json": "application/feed+json",
}


class Desk:
    """A store with one match, its catalogue, and a client of its web server."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'tocsin.db'}"
        self.database = Database.open(self.url)
        self.database.sync_sources([a_source()], NOON)
        self.database.sync_rules({"law-32108": ("v1", "L"), "extortion": ("v1", "E")})
        self.catalogue: Catalogue = a_catalogue(a_rule(), a_rule("extortion", "extorsion"))
        self.ready = True
        self.client = self.fresh_client()
        self.find(an_entry("1"))

    def close(self) -> None:
        self.client.close()
        self.database.close()

    def fresh_client(self) -> TestClient:
        app = create_app(
            self.database,
            lambda: self.catalogue,
            health=self.health,
            clock=lambda: NOON,
            metrics=lambda: b"",
        )
        return TestClient(app, base_url=BASE, headers={"accept-encoding": "identity"})

    def health(self) -> Health:
        return Health(
            ready=self.ready,
            reasons=() if self.ready else ("the store cannot be written",),
            started_at=NOON,
            last_tick_at=NOON,
            version="0.1.0",
        )

    def find(self, entry, *rules: str, at=NOON) -> str:
        claim = self.database.claim("green-left", at, timedelta(minutes=1), due_only=False)
        assert claim is not None
        verdict = judged(entry, *(a_match(rule) for rule in rules or ("law-32108",)))
        poll = Poll(
            source="green-left", token=claim.token, at=at, next_poll_at=at, judged=(verdict,)
        )
        self.database.commit(poll)
        return self.database.published(["law-32108"], 1)[0].id


@pytest.mark.parametrize("ending", ["rss", "atom", "json"])
def test_every_feed_is_served_in_its_own_type(desk: Desk, ending: str) -> None:
    for name in ("law-32108", "extortion", "all"):
        answer = desk.client.get(f"/feeds/{name}.{ending}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == TYPES[ending]
        assert answer.headers["link"] == f'<{BASE}/feeds/{name}.{ending}>; rel="self"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "public, max-age=60"


def test_hubs_are_named_in_the_header_and_in_every_format(desk: Desk) -> None:
    hub = f"{BASE}/hub"
    desk.catalogue = replace(desk.catalogue, hubs=(hub,))
    for ending in ("rss", "atom", "json"):
        answer = desk.client.get(f"/feeds/law-32108.{ending}")
        itself = f'<{BASE}/feeds/law-32108.{ending}>; rel="self"'
        assert answer.headers["link"] == f'{itself}, <{hub}>; rel="hub"'
        if ending == "json":
            assert answer.json()["hubs"] == [{"type": "WebSub", "url": hub}]
        else:
            links = feedparser.parse(io.BytesIO(answer.content)).feed.links
            assert [link.href for link in links if link.rel == "hub"] == [hub]


def test_a_feed_of_fewer_items_names_no_hub_for_none_knows_it(desk: Desk) -> None:
    desk.catalogue = replace(desk.catalogue, hubs=(f"{BASE}/hub",))
    answer = desk.client.get(f"{FEED}?n=5")
    assert answer.headers["link"] == f'<{BASE}{FEED}?n=5>; rel="self"'
    assert "hub" not in {link.rel for link in feedparser.parse(answer.content).feed.links}


def test_a_feed_keeps_its_tag_over_restarts_while_nothing_changes(desk: Desk) -> None:
    first = desk.client.get(FEED)
    desk.database.close()
    desk.database = Database.open(desk.url)
    again = desk.fresh_client().get(FEED)
    assert again.headers["etag"] == first.headers["etag"]
    assert again.content == first.content


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_reader_that_has_the_feed_gets_304_without_a_body(desk: Desk, form: str) -> None:
    first = desk.client.get(FEED)
    asked = {"if-none-match": form.format(first.headers["etag"])}
    answer = desk.client.get(FEED, headers=asked)
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("etag", "cache-control", "vary", "last-modified"):
        assert answer.headers[name] == first.headers[name]


def test_a_date_alone_is_enough_for_304_but_a_tag_wins_over_it(desk: Desk) -> None:
    date = desk.client.get(FEED).headers["last-modified"]
    assert date == format_datetime(NOON, usegmt=True)
    assert desk.client.get(FEED, headers={"if-modified-since": date}).status_code == 304
    both = {"if-modified-since": date, "if-none-match": '"another"'}
    assert desk.client.get(FEED, headers=both).status_code == 200
    earlier = format_datetime(NOON - timedelta(seconds=1), usegmt=True)
    assert desk.client.get(FEED, headers={"if-modified-since": earlier}).status_code == 200
    assert desk.client.get(FEED, headers={"if-modified-since": "yesterday"}).status_code == 200


def test_a_new_match_changes_the_tag_and_the_feed(desk: Desk) -> None:
    first = desk.client.get(FEED)
    desk.find(an_entry("2"), at=NOON + timedelta(minutes=1))
    asked = {"if-none-match": first.headers["etag"]}
    answer = desk.client.get(FEED, headers=asked)
    assert answer.status_code == 200
    assert [entry.title for entry in feedparser.parse(io.BytesIO(answer.content)).entries] == [
        "Article 2",
        "Article 1",
    ]


def test_a_renamed_rule_changes_the_feed(desk: Desk) -> None:
    first = desk.client.get(FEED)
    desk.catalogue = a_catalogue(a_rule(title="Another name"))
    answer = desk.client.get(FEED)
    assert answer.headers["etag"] != first.headers["etag"]
    assert b"<title>Another name</title>" in answer.content


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("br", False),
        ("", False),
        ("*;q=0", False),
    ],
)
def test_gzip_is_sent_to_those_who_take_it(desk: Desk, accepted: str, zipped: bool) -> None:
    plain = desk.client.get(FEED)
    with desk.client.stream("GET", FEED, headers={"accept-encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert (answer.headers.get("content-encoding") == "gzip") is zipped
    assert (answer.headers["etag"] != plain.headers["etag"]) is zipped
    assert answer.headers["vary"] == "accept-encoding, sec-fetch-dest"
    assert (gzip.decompress(raw) if zipped else raw) == plain.content
    asked = {"if-none-match": answer.headers["etag"], "accept-encoding": accepted}
    assert desk.client.get(FEED, headers=asked).status_code == 304


def test_head_answers_as_get_does(desk: Desk) -> None:
    head, get = desk.client.head(FEED), desk.client.get(FEED)
    assert head.status_code == 200
    assert head.headers["etag"] == get.headers["etag"]
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_feed_takes_no_post(desk: Desk) -> None:
    answer = desk.client.post(FEED)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_an_empty_feed_is_there_an_unknown_one_is_not_a_removed_one_is_gone(desk: Desk) -> None:
    assert desk.client.get("/feeds/extortion.rss").status_code == 200
    for path in ("/feeds/nothing.rss", "/feeds/law-32108.pdf", "/feeds/law-32108", "/topics/x"):
        assert desk.client.get(path).status_code == 404
    desk.catalogue = a_catalogue(retired=frozenset({"extortion"}))
    assert desk.client.get("/feeds/extortion.rss").status_code == 410
    assert desk.client.get("/topics/extortion").status_code == 410


def test_whoever_mistypes_an_address_is_shown_a_page_and_a_program_json(desk: Desk) -> None:
    lost = desk.client.get("/no/such/page")
    assert (lost.status_code, lost.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/timeline"' in lost.text
    assert desk.client.get("/api/v1/nothing").json() == {"detail": "Not Found"}


@pytest.mark.parametrize("ending", TYPES)
def test_a_renamed_rules_feed_and_page_lead_to_the_new_ones(desk: Desk, ending: str) -> None:
    names = ("law-32108", "extortion")
    desk.database.sync_rules({"law": ("v1", "L")}, {"law": names})
    desk.catalogue = a_catalogue(a_rule("law", formerly=names))
    moved = {
        f"/feeds/law-32108.{ending}": f"{BASE}/feeds/law.{ending}",
        f"/feeds/law-32108/2026-11.{ending}": f"{BASE}/feeds/law/2026-11.{ending}",
        f"/feeds/extortion.{ending}?n=5": f"{BASE}/feeds/law.{ending}?n=5",
        "/topics/extortion": f"{BASE}/topics/law",
    }
    for old, new in moved.items():
        answer = desk.client.get(old, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (301, new)
        assert desk.client.get(old).status_code == 200
    assert desk.client.get(f"/feeds/nothing.{ending}").status_code == 404


def test_a_former_name_that_is_in_use_again_is_its_own(desk: Desk) -> None:
    desk.catalogue = a_catalogue(a_rule("law", formerly=("extortion",)), a_rule("extortion"))
    assert desk.client.get("/feeds/extortion.rss", follow_redirects=False).status_code == 200


def test_opml_is_served_with_every_feed(desk: Desk) -> None:
    answer = desk.client.get("/feeds.opml")
    assert answer.headers["content-type"] == "text/x-opml; charset=utf-8"
    assert answer.text.count("xmlUrl=") == 3


def test_pages_lead_feed_readers_to_their_feeds(desk: Desk) -> None:
    for path, name in (("/", "all"), ("/topics/law-32108", "law-32108")):
        page = LexborHTMLParser(desk.client.get(path).text)
        links = page.css('link[rel="alternate"]')
        assert [link.attributes["type"] for link in links] == [
            "application/atom+xml",
            "application/rss+xml",
            "application/feed+json",
        ]
        for link in links:
            href = link.attributes["href"] or ""
            address = "/" + re.sub(r"^(\.\.?/)+", "", href)
            assert desk.client.get(address).status_code == 200
            assert f"/feeds/{name}." in address


def test_the_home_page_shows_each_topic_and_why_it_matched(desk: Desk) -> None:
    page = LexborHTMLParser(desk.client.get("/").text)
    assert [node.text() for node in page.css("main mark")] == ["Law 32108"]
    assert "Rule extortion" in page.css_first("main").text()
    assert "Nothing so far" in page.css_first("main").text()


def test_the_match_page_marks_every_place_in_the_article(desk: Desk) -> None:
    identity = desk.find(an_entry("1", title="T"), "law-32108", "extortion", at=NOON)
    page = LexborHTMLParser(desk.client.get(f"/matches/{identity}").text)
    article = page.css_first(".text")
    assert article.text() == "They want to scrap Law 32108 now."
    assert [mark.text() for mark in article.css("mark")] == ["Law 32108"]
    assert [mark.attributes["title"] for mark in article.css("mark")] == ["law:32108"]
    assert "Rule extortion" in page.css_first("section").text()
    assert desk.client.get("/matches/no-such-match").status_code == 404


def test_a_title_of_10_kb_is_cut_in_lists_and_any_script_runs_its_own_way(desk: Desk) -> None:
    match = desk.find(an_entry("long", title="palabra " * 1300, lang="ar"))
    for path in ("/", "/topics/law-32108", "/timeline"):
        page = LexborHTMLParser(desk.client.get(path).text)
        link = next(
            node
            for node in page.css("article a, dd a")
            if (node.attributes["href"] or "").endswith(match)
        )
        assert len(link.text()) <= 300
        assert link.text().endswith("…")
        assert link.parent.attributes["dir"] == "auto"
    page = LexborHTMLParser(desk.client.get(f"/matches/{match}").text)
    assert len(page.css_first("h1").text()) > 10_000
    assert page.css_first("h1").attributes["dir"] == "auto"


@pytest.mark.parametrize("lang", ["es", ""])
def test_what_an_article_says_is_in_its_language_or_in_one_unknown(desk: Desk, lang: str) -> None:
    desk.find(an_entry("2", title="La Ley 32108", lang=lang))
    (match, *_) = desk.database.published(["law-32108"], 1)
    for path, said in (
        ("/topics/law-32108", ("article.found h2 a", "article.found blockquote")),
        (f"/matches/{match.id}", ("article", "tbody td:last-child")),
        ("/timeline", ("li a",)),
    ):
        page = LexborHTMLParser(desk.client.get(path).text)
        for selector in said:
            assert page.css_first(selector).attributes["lang"] == lang, selector


def test_what_sources_write_stays_text_in_pages(desk: Desk) -> None:
    entry = an_entry(
        "x", title='"><script>alert(1)</script>', text="<img src=x> Law 32108", url="javascript:x"
    )
    identity = desk.find(entry, at=NOON + timedelta(minutes=1))
    for path in ("/", f"/matches/{identity}", "/topics/law-32108"):
        answer = desk.client.get(path)
        page = LexborHTMLParser(answer.text)
        assert page.css("script, img") == []
        assert "javascript:" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_problems_of_the_desk_are_shown_with_their_place(desk: Desk) -> None:
    problem = Problem(
        file="rules/x.yaml", line=3, column=7, code="R110", message="no", hint="do <this>"
    )
    desk.catalogue = replace(desk.catalogue, problems=(problem,))
    text = LexborHTMLParser(desk.client.get("/").text).css_first(".problems").text()
    assert "rules/x.yaml:3:7: R110 no" in text
    assert "do <this>" in text
    assert desk.client.get("/readyz").json()["problems"] == ["rules/x.yaml:3:7: R110 no"]


def test_a_failing_source_is_shown_with_its_reason(desk: Desk) -> None:
    claim = desk.database.claim("green-left", NOON, timedelta(minutes=1), due_only=False)
    assert claim is not None
    error = "the server answered 500 (its own fault)"
    desk.database.commit(
        Poll(source="green-left", token=claim.token, at=NOON, next_poll_at=NOON, error=error)
    )
    row = LexborHTMLParser(desk.client.get("/sources").text).css_first("#green-left")
    assert error in row.text()


def test_a_page_of_several_rules_says_which_of_them_each_match_is_of(desk: Desk) -> None:
    desk.find(an_entry("1", title="T"), "law-32108", "extortion", at=NOON)
    shown = [
        node.text() for node in LexborHTMLParser(desk.client.get("/topics/all").text).css(".credit")
    ]
    assert sorted(line.split(" · ")[0] for line in shown) == ["Rule extortion", "Rule law-32108"]


def test_sources_in_trouble_stand_first_and_those_that_are_off_last(desk: Desk) -> None:
    desk.database.sync_sources(
        [a_source("a-off", enabled=False), a_source("b-well"), a_source("c-failing")], NOON
    )
    claim = desk.database.claim("c-failing", NOON, timedelta(minutes=1), due_only=False)
    assert claim is not None
    desk.database.commit(
        Poll(source="c-failing", token=claim.token, at=NOON, next_poll_at=NOON, error="500")
    )
    rows = LexborHTMLParser(desk.client.get("/sources").text).css("tbody tr")
    assert [row.attributes["id"] for row in rows] == ["c-failing", "b-well", "a-off"]


def test_sources_that_are_one_feed_are_told_on_the_page(desk: Desk) -> None:
    address = "https://a.example/rss"
    desk.database.sync_sources([a_source(name, address=address) for name in ("a", "b")], NOON)
    row = LexborHTMLParser(desk.client.get("/sources").text).css_first("#a")
    assert "the same feed as b" in row.text()


def test_a_day_on_which_something_was_handed_in_counts_as_read(desk: Desk) -> None:
    desk.database.sync_sources([a_source("quiet")], NOON)
    claim = desk.database.claim("quiet", NOON, timedelta(minutes=1), due_only=False)
    assert claim is not None
    verdict = judged(an_entry("x", source="quiet"), a_match())
    given = {"at": NOON, "next_poll_at": NOON, "judged": (verdict,), "pushed": True}
    desk.database.commit(Poll(source="quiet", token=claim.token, **given))
    mark = LexborHTMLParser(desk.client.get("/sources").text).css("#quiet .days > *")[-1]
    assert mark.attributes["class"] == "read"


def test_readiness_says_why_it_is_not(desk: Desk) -> None:
    assert desk.client.get("/readyz").status_code == 200
    assert desk.client.get("/livez").status_code == 200
    desk.ready = False
    answer = desk.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the store cannot be written"]


def test_a_static_site_holds_the_same_feeds_and_pages_that_link_to_one_another(
    desk: Desk, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    done = publish(desk.database, desk.catalogue, out, NOON)
    assert done.unchanged == done.removed == 0
    assert (out / "feeds" / "law-32108.atom").read_bytes() == desk.client.get(FEED).content
    for page in out.rglob("*.html"):
        tree = LexborHTMLParser(page.read_text("utf-8"))
        for node in tree.css("[href]"):
            href = (node.attributes["href"] or "").partition("#")[0]
            if href and not href.startswith("http"):
                assert (page.parent / href).is_file(), (page, href)


def test_publishing_again_writes_what_changed_alone(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "site"
    first = publish(desk.database, desk.catalogue, out, NOON)
    again = publish(desk.database, desk.catalogue, out, NOON)
    assert (again.written, again.unchanged, again.removed) == (0, first.written, 0)
    desk.find(an_entry("2"), at=NOON + timedelta(minutes=1))
    third = publish(desk.database, desk.catalogue, out, NOON)
    assert third.written > 0
    assert third.unchanged > 0


def test_publishing_removes_what_it_wrote_once_and_nothing_of_others(
    desk: Desk, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    publish(desk.database, desk.catalogue, out, NOON)
    (out / "mine.html").write_text("mine")
    desk.catalogue = a_catalogue()
    done = publish(desk.database, desk.catalogue, out, NOON)
    assert done.removed == 4
    assert not (out / "feeds" / "extortion.rss").exists()
    assert not (out / "topics" / "extortion").exists()
    assert (out / "mine.html").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file")
    with pytest.raises(PublishError, match="site"):
        publish(desk.database, desk.catalogue, tmp_path / "site", NOON)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".tocsin-site.json").write_text("{")
    with pytest.raises(PublishError, match="damaged"):
        publish(desk.database, desk.catalogue, tmp_path / "other", NOON)


def test_a_source_without_entries_is_listed(desk: Desk) -> None:
    desk.database.sync_sources(
        [SourceSpec(name="off", kind="feed", address="https://x.example", enabled=False)], NOON
    )
    assert "off" in LexborHTMLParser(desk.client.get("/sources").text).css_first("#off").text()
