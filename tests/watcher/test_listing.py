"""Articles are found where there is no feed: by the links of a page, and in sitemaps of news."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules import DeskError
from tests.desks import at_work, polled, titles, write_desk
from tests.feeds.servers import in_loop, respond, serving
from watcher.parse import Document, ParseError, parse_document, parse_listing
from watcher.sources import checked_sources

PAGE = """<!doctype html><html><head><title>Diario</title></head><body>
<nav><a href="/contacto">Contacto</a></nav>
<article><h2><a href="/nota/1?utm_source=portada">La Ley <b>32108</b> en debate</a></h2><p>Resumen uno</p></article>
<article><h2><a href="/nota/2">Extorsión en Lima</a></h2></article>
<article><h2><a href="javascript:void(0)">Nada</a></h2></article>
<article><h2><a href="/nota/2">Extorsión en Lima</a></h2></article>
</body></html>""".encode()
SITEMAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
 xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">
<url><loc>https://diario.pe/1</loc><news:news><news:publication><news:name>D</news:name>
<news:language>es</news:language></news:publication>
<news:publication_date>2026-11-24T10:00:00-05:00</news:publication_date>
<news:title>Paro contra la Ley 32108</news:title><news:keywords>paro, Lima</news:keywords>
</news:news></url>
<url><loc>https://diario.pe/2</loc></url></urlset>"""


HOSTILE = (
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><urlset><url>'
    b"<loc>https://a.pe</loc><news><title>&e;</title></news></url></urlset>"
)


def page(body: bytes) -> Document:
    return Document(address="https://diario.pe/ultimas", body=body, content_type="text/html")


@pytest.mark.parametrize("selector", ["article", "article h2", "h2 a"])
def test_each_link_that_a_selector_finds_is_an_entry(selector: str) -> None:
    first, second = parse_listing(page(PAGE), selector).entries
    assert first.url == "https://diario.pe/nota/1?utm_source=portada"
    assert first.key == "https://diario.pe/nota/1"
    assert first.title == "La Ley 32108 en debate"
    assert ("Resumen uno" in first.text) is (selector == "article")
    assert second.title == "Extorsión en Lima"


def test_a_page_that_was_rebuilt_is_told() -> None:
    with pytest.raises(ParseError, match="finds no links"):
        parse_listing(page(PAGE), "section.ultimas a")


def test_a_sitemap_of_news_is_read_as_a_feed() -> None:
    document = Document(address="https://diario.pe/news.xml", body=SITEMAP)
    (entry,) = parse_document("feed", document).entries
    assert (entry.title, entry.url) == ("Paro contra la Ley 32108", "https://diario.pe/1")
    assert (entry.lang, entry.tags) == ("es", ("paro", "Lima"))
    assert entry.published is not None
    assert entry.published.isoformat() == "2026-11-24T15:00:00+00:00"


@pytest.mark.parametrize(
    "body",
    [
        b"<urlset></urlset>",
        b"<urlset><url><loc>https://a.pe/1</loc></url></urlset>",
        HOSTILE,
        b"<urlset",
    ],
)
def test_a_sitemap_without_news_is_told_and_reads_no_file(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_document("feed", Document(address="https://a.pe/s.xml", body=body))


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("kind: feed, url: https://a.pe/, links: h2 a", "S205"),
        ("kind: page, url: https://a.pe/, links: 'h2 >> ['", "S205"),
    ],
)
def test_a_selector_that_cannot_be_used_is_told(tmp_path: Path, written: str, code: str) -> None:
    data = f"version: 1\nsources: [{{name: a, {written}}}]".encode()
    with pytest.raises(DeskError) as error:
        checked_sources(tmp_path, "sources.yaml", data)
    assert [problem.code for problem in error.value.problems] == [code]


@in_loop
async def test_a_page_of_links_is_watched_and_a_new_link_is_news(tmp_path: Path) -> None:
    more = PAGE.replace(
        b"<article>",
        b"<article><h2><a href='/nota/9'>Otra Ley 32108</a></h2></article><article>",
        1,
    )
    answers = [respond(body=body, content_type="text/html") for body in (PAGE, more)]
    async with serving(*answers) as server:
        desk = write_desk(tmp_path, feeds={"news": server.url})
        sources = desk / "sources.yaml"
        sources.write_text(
            sources.read_text("utf-8").replace("kind: feed, ", "kind: page, links: h2 a, "), "utf-8"
        )
        async with at_work(desk) as app:
            assert (await polled(app, "news")).committed.new == 2
            assert (await polled(app, "news")).committed.new == 1
            assert titles(app) == ["Otra Ley 32108", "La Ley 32108 en debate"]
