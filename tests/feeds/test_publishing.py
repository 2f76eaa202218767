"""What RSS, Atom, JSON Feed and OPML promise to those who subscribe."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import timedelta

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feeds.address import Part
from feeds.catalogue import Catalogue
from feeds.clean import language, web_link
from feeds.items import NEVER, Item, KeptItems, channel
from feeds.jsonfeed import json_feed
from feeds.opml import OpmlError, Subscription, opml_of, parse_opml, render_opml
from feeds.render import atom, rss
from store import Published, Span
from tests.builders import BASE, NOON, a_catalogue, a_place, a_rule, an_entry, published

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = an_entry(
    title="<script>alert(1)</script> & \x00\x0b\ud800\ufffe “Ley” 🚌 مرحبا",
    text="a <b> & \x1b Law 32108 \udfff" + "é" * 10_000,
    url="javascript:alert(1)",
    authors=("<A & B>", "\x07"),
    tags=("<tag>", ""),
    source="source-1",
    lang="not a language!",
)


def rendered(*matches: Published, name: str = "law-32108") -> dict[str, bytes]:
    catalogue = a_catalogue()
    span = Span(matches=matches)
    whole = channel(catalogue.feeds[name], Part(name=name), span, catalogue, NOON)
    return {"atom": atom(whole), "rss": rss(whole), "json": json_feed(whole)}


def read(data: bytes):
    given = {"content-type": "application/xml"}
    return feedparser.parse(io.BytesIO(data), response_headers=given, sanitize_html=False)


def test_every_format_shows_the_same_items_in_the_same_order() -> None:
    matches = [
        published(an_entry(key), updated_at=NOON - timedelta(seconds=index))
        for index, key in enumerate("abc")
    ]
    documents = rendered(*matches)
    expected = [(f"urn:uuid:{m.id}", m.entry.title, m.entry.url) for m in matches]
    for form in ("atom", "rss"):
        found = read(documents[form])
        assert not found.bozo
        assert [(e.id, e.title, e.link) for e in found.entries] == expected
    items = json.loads(documents["json"])["items"]
    assert [(item["id"], item["title"], item["url"]) for item in items] == expected


def test_an_item_says_why_it_matched_with_the_quote_marked() -> None:
    documents = rendered(published(an_entry()))
    marked = "scrap <mark><strong>Law 32108</strong></mark> now."
    assert marked in read(documents["atom"]).entries[0].content[0].value
    assert marked in read(documents["rss"]).entries[0].summary
    item = json.loads(documents["json"])["items"][0]
    assert marked in item["content_html"]
    (place,) = item["_tocsin"]["because"]
    assert (place["term"], place["start"], place["end"]) == ("law:32108", 19, 28)
    assert place["context"] == "They want to scrap Law 32108 now."


@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_the_same_matches_give_the_same_bytes(form: str) -> None:
    assert rendered(published(an_entry()))[form] == rendered(published(an_entry()))[form]


def test_the_bytes_do_not_depend_on_time_zone_locale_or_hash_seed() -> None:
    program = (
        "import hashlib\nfrom tests.feeds.test_publishing import *\n"
        "print(hashlib.sha256(b''.join(rendered(published(HOSTILE)).values())).hexdigest())"
    )
    digests = set()
    for zone, seed in (("UTC", "1"), ("America/Lima", "2"), ("Asia/Kathmandu", "3")):
        environ = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": "C"}
        run = [sys.executable, "-c", program]
        digests.add(subprocess.run(run, env=environ, capture_output=True, check=True).stdout)
    assert len(digests) == 1


def test_rendering_leaves_the_locale_of_the_process_alone(monkeypatch) -> None:
    import locale

    def refused(*args: object) -> str:
        if len(args) > 1:
            raise AssertionError("the locale was switched")
        return "C"

    monkeypatch.setattr(locale, "setlocale", refused)
    rendered(published(an_entry(published=NOON)))


def test_a_hostile_article_is_repaired_and_harms_no_feed() -> None:
    documents = rendered(published(HOSTILE), published(an_entry("good")))
    for form in ("atom", "rss"):
        found = read(documents[form])
        assert not found.bozo, found.get("bozo_exception")
        assert len(found.entries) == 2
        assert found.entries[0].link == f"{BASE}/matches/{published(HOSTILE).id}"
    title = json.loads(documents["json"])["items"][0]["title"]
    assert title == "alert(1) & “Ley” 🚌 مرحبا"
    for document in documents.values():
        assert b"javascript:" not in document
        assert b"<script>" not in document


def test_a_title_in_rss_is_escaped_so_that_readers_agree_on_it() -> None:
    document = rendered(published(an_entry(title="A < B & C &amp; <b>D</b>")))["rss"]
    assert b"<title>A &#x3C; B &#x26; C &#x26; D</title>" in document
    assert etree.fromstring(document).findtext("channel/item/title") == "A < B & C & D"


def test_an_article_without_a_title_shows_how_it_begins() -> None:
    assert read(rendered(published(an_entry(title="\x00 ")))["atom"]).entries[0].title == (
        "They want to scrap Law 32108 now."
    )
    nothing = an_entry(title="", text="", summary="")
    assert read(rendered(published(nothing))["rss"]).entries[0].title == "(untitled)"


def test_a_feed_names_itself_its_page_and_when_it_changed() -> None:
    first = published(an_entry("a"), updated_at=NOON)
    second = published(an_entry("b"), updated_at=NOON - timedelta(hours=1))
    documents = rendered(first, second)
    tree = etree.fromstring(documents["atom"])
    links = {link.get("rel"): link.get("href") for link in tree.findall(f"{ATOM}link")}
    assert links == {
        "self": f"{BASE}/feeds/law-32108.atom",
        "alternate": f"{BASE}/topics/law-32108",
    }
    assert tree.findtext(f"{ATOM}updated") == NOON.isoformat()
    rss_tree = etree.fromstring(documents["rss"])
    assert rss_tree.findtext("channel/link") == f"{BASE}/topics/law-32108"
    assert rss_tree.find(f"channel/{ATOM}link").get("href") == f"{BASE}/feeds/law-32108.rss"
    assert rss_tree.findtext("channel/lastBuildDate") == "Tue, 24 Nov 2026 12:00:00 +0000"
    assert json.loads(documents["json"])["feed_url"] == f"{BASE}/feeds/law-32108.json"


def test_an_entry_in_atom_leads_to_the_article_the_match_and_the_source() -> None:
    match = published(an_entry(published=NOON - timedelta(days=2)))
    entry = etree.fromstring(rendered(match)["atom"]).find(f"{ATOM}entry")
    links = {link.get("rel"): link.get("href") for link in entry.findall(f"{ATOM}link")}
    assert links == {
        "alternate": "https://example.org/1",
        "related": f"{BASE}/matches/{match.id}",
    }
    source = entry.find(f"{ATOM}source")
    assert source.findtext(f"{ATOM}title") == "green-left"
    assert source.findtext(f"{ATOM}id") == f"{BASE}/sources#green-left"
    assert source.findtext(f"{ATOM}updated")
    assert entry.findtext(f"{ATOM}published") == (NOON - timedelta(days=2)).isoformat()
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "A. Writer"


def test_authors_and_dates_reach_rss() -> None:
    match = published(an_entry(published=NOON - timedelta(days=2)))
    item = read(rendered(match)["rss"]).entries[0]
    assert item.author == "A. Writer"
    assert item.published == "Sun, 22 Nov 2026 12:00:00 +0000"


def test_a_feed_without_matches_is_a_valid_feed() -> None:
    for form in ("atom", "rss"):
        found = read(rendered()[form])
        assert not found.bozo
        assert found.feed.title == "Rule law-32108"
        assert found.entries == []
    assert NEVER.isoformat() in rendered()["atom"].decode()


def test_an_article_that_was_edited_says_that_it_matches_no_more() -> None:
    lost = published(an_entry(text="Something else."), a_place(), lost=True)
    content = json.loads(rendered(lost)["json"])["items"][0]["content_html"]
    assert "does not match any more" in content
    assert "<mark><strong>Law 32108</strong></mark>" in content


@settings(max_examples=60, deadline=None)
@given(title=st.text(), text=st.text(), url=st.text(), author=st.text(), lang=st.text())
def test_whatever_an_article_holds_every_feed_stays_readable(
    title: str, text: str, url: str, author: str, lang: str
) -> None:
    place = a_place(start=0, end=1, quote=text[:1], before="", after=text[1:])
    entry = an_entry(title=title, text=text, url=url, authors=(author,), lang=lang, tags=(title,))
    documents = rendered(published(entry, place))
    assert len(etree.fromstring(documents["atom"]).findall(f"{ATOM}entry")) == 1
    assert len(etree.fromstring(documents["rss"]).findall("channel/item")) == 1
    assert len(json.loads(documents["json"])["items"]) == 1


@pytest.mark.parametrize(
    ("written", "link"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        (
            "https://ejemplo.example/ñandú y más",
            "https://ejemplo.example/%C3%B1and%C3%BA%20y%20m%C3%A1s",
        ),
        ("https://example.org/100%", "https://example.org/100%25"),
        ("https://user:secret@example.org/", "https://example.org/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("//example.org/x", ""),
        ("data:text/html,x", ""),
        ("https://", ""),
        ("https://[bad", ""),
        ("https://example.org/" + "x" * 3000, ""),
    ],
)
def test_only_addresses_that_can_be_followed_become_links(written: str, link: str) -> None:
    assert web_link(written) == link


def test_only_language_tags_are_written_as_languages() -> None:
    assert [language(tag) for tag in ("es", "pt_BR", "Spanish language", "e", "")] == [
        "es",
        "pt-BR",
        "",
        "",
        "",
    ]


def test_opml_lists_every_feed_and_can_be_read_back() -> None:
    catalogue = a_catalogue(a_rule(), a_rule("extortion", "extorsion", title="A & <B>"))
    listed = parse_opml(opml_of(catalogue))
    assert [(feed.title, feed.url) for feed in listed] == [
        ("Rule law-32108", f"{BASE}/feeds/law-32108.atom"),
        ("A & <B>", f"{BASE}/feeds/extortion.atom"),
        ("The desk", f"{BASE}/feeds/all.atom"),
    ]


def test_opml_of_other_programs_is_read_with_its_folders_and_without_doubles() -> None:
    document = b"""<opml version="1.1"><body><outline text="News"><outline text="A" xmlurl="u"/>
    <outline title="B" xmlUrl="v" language="es"/><outline text="A2" xmlUrl="u"/></outline></body></opml>"""
    assert parse_opml(document) == (
        Subscription(title="A2", url="u"),
        Subscription(title="B", url="v", language="es"),
    )
    assert parse_opml(render_opml("x", [])) == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<rss/>", "not OPML"),
        (b"<opml><body>", "not well-formed"),
        (b"", "not well-formed"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><html>&a;</html>', "not OPML"),
    ],
)
def test_what_is_no_opml_is_refused_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(OpmlError, match=reason):
        parse_opml(data)


def test_items_are_kept_as_long_as_the_match_and_the_desk_are_the_same() -> None:
    desk, another = a_catalogue(), a_catalogue(a_rule(title="Another title"))
    old = published(an_entry("a"), updated_at=NOON - timedelta(seconds=2))
    edited = published(an_entry("a", title="Edited"), updated_at=NOON - timedelta(seconds=1))
    kept = KeptItems(most=2)

    def shown(match: Published, catalogue: Catalogue) -> Item:
        feed = catalogue.feeds["law-32108"]
        span = Span(matches=(match,))
        return channel(feed, Part(name=feed.name), span, catalogue, NOON, kept).items[0]

    first = shown(old, desk)
    assert shown(old, desk) is first
    assert shown(edited, desk).title == "Edited"
    assert "Another title" in shown(edited, another).html
    for key in "bcd":
        assert shown(published(an_entry(key)), another).title == f"Article {key}"
