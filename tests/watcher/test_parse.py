"""Any bytes give entries or a ParseError that says what to do."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import Entry
from watcher.links import canonical
from watcher.parse import Document, ParseError, article_text, parse_article, parse_document

ITEM = "<item><title>A</title><guid>{guid}</guid><link>{link}</link></item>"


def parsed(
    body: str | bytes, content_type: str = "application/rss+xml", kind: str = "feed", **changed
) -> tuple[Entry, ...]:
    data = body if isinstance(body, bytes) else body.encode()
    address = changed.get("address", "https://example.org/news/feed.xml")
    document = Document(address=address, body=data, content_type=content_type)
    return parse_document(kind, document).entries


def rss(*items: str, head: str = "") -> str:
    return f'<rss version="2.0"><channel><title>T</title>{head}{"".join(items)}</channel></rss>'


def test_rss_gives_entries_with_their_visible_text() -> None:
    (entry,) = parsed(
        rss(
            """<item><title>Ley &amp;amp; <![CDATA[<b>orden</b>]]></title><link>/a?utm_source=x</link>
            <guid isPermaLink="false">g1</guid><pubDate>Mon, 02 Dec 2024 10:00:00 -0500</pubDate>
            <author>a@example.org (Ana)</author><category>Perú</category>
            <description>&lt;p&gt;extor&lt;b&gt;si&amp;oacute;n&lt;/b&gt;&lt;/p&gt;&lt;script&gt;x&lt;/script&gt;</description></item>""",
            head="<language>es-PE</language>",
        )
    )
    assert (entry.key, entry.title) == ("g1", "Ley & orden")
    assert entry.url == "https://example.org/a?utm_source=x"
    assert entry.text == "extorsión"
    assert entry.published == datetime(2024, 12, 2, 15, tzinfo=UTC)
    assert entry.tags == ("Perú",)
    assert entry.lang == "es-PE"
    assert entry.authors == ("Ana",)


def test_atom_gives_entries() -> None:
    (entry,) = parsed(
        """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>T</title><entry>
        <id>urn:x</id><title type="html">&lt;i&gt;A&lt;/i&gt;</title><link href="../b"/>
        <author><name>Ana</name></author><author><name>Luis</name></author>
        <published>2024-12-02T10:00:00Z</published><updated>2024-12-03T10:00:00Z</updated>
        <summary>Short.</summary><content type="html">&lt;p&gt;Long text.&lt;/p&gt;</content>
        </entry></feed>""",
        "application/atom+xml",
    )
    assert (entry.key, entry.title, entry.url) == ("urn:x", "A", "https://example.org/b")
    assert (entry.summary, entry.text) == ("Short.", "Long text.")
    assert entry.authors == ("Ana", "Luis")
    assert entry.updated == datetime(2024, 12, 3, 10, tzinfo=UTC)
    assert entry.lang == "en"


def test_relative_links_are_resolved_against_xml_base_and_guids_are_left_alone() -> None:
    (entry,) = parsed(
        """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/blog/"><title>T</title><entry>
        <id>posts/1</id><title>A</title><link href="posts/1.html"/></entry></feed>"""
    )
    assert entry.url == "https://example.org/blog/posts/1.html"
    assert parsed(rss(ITEM.format(guid="1", link="a.html")))[0].key == "1"
    assert parsed(rss(ITEM.format(guid="1", link="a.html")))[0].url.endswith("/news/a.html")


def test_rdf_gives_entries() -> None:
    (entry,) = parsed(
        """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns="http://purl.org/rss/1.0/"><channel rdf:about="https://x.org/"><title>T</title></channel>
        <item rdf:about="https://x.org/1"><title>A</title><link>https://x.org/1</link></item></rdf:RDF>"""
    )
    assert (entry.title, entry.url) == ("A", "https://x.org/1")


@pytest.mark.parametrize("version", ["0.91", "0.92", "2.0"])
def test_every_rss_of_old_is_read(version: str) -> None:
    items = ITEM.format(guid="g", link="https://x.org/1")
    (entry,) = parsed(f'<rss version="{version}"><channel><title>T</title>{items}</channel></rss>')
    assert entry.title == "A"


@pytest.mark.parametrize("version", ["1", "1.1"])
def test_json_feed_gives_entries(version: str) -> None:
    (entry,) = parsed(
        f"""{{"version": "https://jsonfeed.org/version/{version}", "title": "T", "language": "es",
        "items": [{{"id": 7, "url": "/a", "title": "A", "content_html": "<p>Ley <b>32108</b></p>",
        "authors": [{{"name": "Ana"}}], "tags": ["x"], "date_published": "2024-12-02T10:00:00-05:00"}}]}}""",
        "application/feed+json",
    )
    assert (entry.key, entry.url, entry.text) == ("7", "https://example.org/a", "Ley 32108")
    assert (entry.authors, entry.tags, entry.lang) == (("Ana",), ("x",), "es")
    assert entry.published == datetime(2024, 12, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("guid", "link", "key"),
    [
        ("g1", "https://x.org/1", "g1"),
        ("t3_42tizy", "https://x.org/1", "t3_42tizy"),
        ("", "HTTPS://X.org/1?utm_source=a&id=3", "https://x.org/1?id=3 "),
        (" ", "https://x.org/1", "https://x.org/1 "),
    ],
)
def test_an_entry_is_known_by_its_guid_else_by_its_link(guid: str, link: str, key: str) -> None:
    item = ITEM.format(guid=guid, link=link.replace("&", "&amp;"))
    assert parsed(rss(item))[0].key.startswith(key)


def test_an_entry_with_neither_is_known_by_what_it_says() -> None:
    first, again = (
        parsed(rss("<item><title>A</title></item>")),
        parsed(rss("<item><title>A</title></item>")),
    )
    assert first[0].key == again[0].key
    assert first[0].key.startswith("sha256:")


def test_one_guid_for_two_articles_makes_two_entries_and_a_double_one() -> None:
    one, other = (
        ITEM.format(guid="g", link="https://x.org/1"),
        ITEM.format(guid="g", link="https://x.org/2"),
    )
    assert len(parsed(rss(one, other))) == 2
    assert len(parsed(rss(one, one))) == 1


@pytest.mark.parametrize(
    "links",
    [
        ["https://x.org/live#1", "https://x.org/live#2", "https://x.org/live#3"],
        ["https://x.org/", "https://x.org/", "https://x.org/"],
        ["https://x.org/#top", "https://x.org/?utm_source=rss", "https://x.org/"],
    ],
)
def test_entries_without_a_guid_are_told_apart_where_their_link_is_one(links: list[str]) -> None:
    # given posts of one page, or notices that all lead to a home page
    items = [
        f"<item><title>Aviso {n}</title><link>{link.replace('&', '&amp;')}</link></item>"
        for n, link in enumerate(links)
    ]
    shown = parsed(rss(*items))
    assert [entry.title for entry in shown] == ["Aviso 0", "Aviso 1", "Aviso 2"]

    # then each stays what it is while others come and go, and a double is one
    assert {entry.key for entry in parsed(rss(*items[1:]))} < {entry.key for entry in shown}
    assert len(parsed(rss(*items, *items))) == 3


def test_posts_of_one_title_at_two_places_of_a_page_are_two() -> None:
    item = (
        "<item><title>Última hora</title><link>https://x.org/live#{0}</link>"
        "<description>Aviso {0}</description></item>"
    )
    assert len(parsed(rss(item.format(1), item.format(2)))) == 2


def test_encodings_are_read_as_declared_or_as_utf8() -> None:
    latin = '<?xml version="1.0" encoding="iso-8859-1"?>' + rss(
        "<item><title>Extorsión</title></item>"
    )
    assert parsed(latin.encode("latin-1"))[0].title == "Extorsión"
    assert parsed(rss("<item><title>Extorsión</title></item>"), "")[0].title == "Extorsión"
    assert parsed(rss("<item><title>Extorsión</title></item>"), "text/html")[0].title == "Extorsión"
    wide = latin.replace("iso-8859-1", "utf-16").encode("utf-16")
    assert parsed(wide, "application/xml")[0].title == "Extorsión"


BUS = "<item><title>Extorsión a un bus</title><link>https://x.org/1</link></item>"
LONG = (
    "<item><title>El “paro” de transportistas – día 2 – siguió en Lima y el Callao</title></item>"
)


@pytest.mark.parametrize(
    "spoilt",
    [
        gzip.compress(rss(BUS).encode()),
        b"\n<br />\nNotice: undefined index in index.php\n"
        + ('<?xml version="1.0" encoding="utf-8"?>' + rss(BUS)).encode(),
        ('<?xml version="1.0" encoding="utf-16"?>' + rss(BUS)).encode(),
        b"\xef\xbb\xbf" + ('<?xml version="1.0" encoding="UTF-16"?>' + rss(BUS)).encode(),
        rss(BUS).replace("<channel>", '<channel xmlns="https://odd.example/ns">').encode(),
    ],
    ids=[
        "packed",
        "preceded",
        "said to be wide",
        "marked, said to be wide",
        "of another namespace",
    ],
)
def test_a_feed_that_was_spoilt_on_its_way_is_read_as_it_was_meant(spoilt: bytes) -> None:
    assert [(entry.title, entry.url) for entry in parsed(spoilt)] == [
        ("Extorsión a un bus", "https://x.org/1")
    ]


def test_a_few_bytes_of_windows_do_not_spoil_a_feed_in_utf8() -> None:
    mixed = rss(BUS + LONG).encode().replace("–".encode(), b"\x96", 1)
    assert [entry.title for entry in parsed(mixed)] == [
        "Extorsión a un bus",
        "El “paro” de transportistas – día 2 – siguió en Lima y el Callao",
    ]


def test_references_to_halves_of_characters_are_the_character() -> None:
    item = "<item><title>Paro &#xD83D;&#xDE8C; &#55357;&#56972; &#xD83D; &#x110000;</title></item>"
    assert parsed(rss(item))[0].title == "Paro 🚌 🚌 \ufffd \ufffd"


def test_gzip_files_that_are_broken_or_hold_too_much_are_refused() -> None:
    whole = gzip.compress(rss(BUS).encode())
    bomb = gzip.compress(b" " * (11 << 20))
    for body, reason in ((whole[:-9], "breaks off"), (bomb, "10 MiB"), (whole[:12] + b"?", "gzip")):
        with pytest.raises(ParseError, match=reason):
            parsed(body)


def test_an_author_without_a_name_is_an_address_and_every_content_is_read() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A</title><id>1</id>'
        "<author><email>desk@x.org</email></author>"
        '<content type="text">Una nota larga sobre el paro</content>'
        '<content type="text">Ley 32108</content></entry></feed>'
    )
    entry = parsed(atom)[0]
    assert entry.authors == ("desk@x.org",)
    assert "Ley 32108" in entry.text
    assert "sobre el paro" in entry.text


def test_a_guid_that_is_no_address_is_no_link() -> None:
    assert parsed(rss("<item><title>A</title><guid>nota-7</guid></item>"))[0].url == ""


def test_a_broken_feed_is_read_as_far_as_it_goes() -> None:
    broken = rss("<item><title>A & B</title><guid>1</guid></item>")[:-20]
    assert [entry.key for entry in parsed(broken)] == ["1"]


@pytest.mark.parametrize("date", ["Mon, 01 Jan 0001 00:00:00 GMT", "yesterday", "99999-99-99"])
def test_an_absurd_date_is_no_date(date: str) -> None:
    item = f"<item><title>A</title><pubDate>{date}</pubDate></item>"
    assert parsed(rss(item))[0].published is None


def test_the_bytes_of_a_feed_are_never_taken_for_a_file_name(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_text(rss("<item><title>secret</title></item>"))
    with pytest.raises(ParseError):
        parsed(str(path))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "the answer is empty"),
        ("<!doctype html><html><body>Please log in</body></html>", "web page, not a feed"),
        (b"\x1f\x8b\x08", "gzip"),
        ("just words", "not a feed"),
        ('{"a": 1}', "not a JSON Feed"),
        ('{"a": ', "broken JSON"),
        ("<rss><channel><item", "broken before its first entry"),
        ("[" * 100_000, "not a feed"),
        ('{"version":' + "[" * 100_000, "broken JSON"),
    ],
)
def test_what_is_no_feed_is_refused_with_the_reason(body: str | bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parsed(body)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_entries_or_a_parse_error(data: bytes) -> None:
    for kind in ("feed", "page"):
        try:
            entries = parsed(data, kind=kind)
        except ParseError as error:
            assert str(error)
        else:
            assert all(entry.key for entry in entries)


PAGE = """<!doctype html><html lang="es"><head><title>Ley 32108</title></head><body>
<nav>Inicio Deportes</nav><article><h1>Ley 32108</h1><p>{text}</p></article>
<footer>Aviso legal</footer></body></html>"""


def test_a_page_is_one_entry_with_its_main_text() -> None:
    text = "El Congreso aprobó la ley que modifica el crimen organizado. " * 10
    (entry,) = parsed(PAGE.format(text=text), "text/html; charset=utf-8", "page")
    assert "modifica el crimen organizado" in entry.text
    assert "Deportes" not in entry.text
    assert entry.title == "Ley 32108"
    page = Document(address="x", body=PAGE.format(text=text).encode())
    assert "modifica el crimen" in article_text(page)


def test_a_page_without_text_is_refused() -> None:
    with pytest.raises(ParseError, match="no readable text"):
        parsed("<html><body><script>app()</script></body></html>", "text/html", "page")


def test_a_text_file_is_an_entry_with_its_own_text() -> None:
    entry = parse_article("a.txt", "\ufeffLa Ley 32108\n\nTexto.".encode())
    assert (entry.key, entry.title, entry.text) == (
        "a.txt",
        "La Ley 32108",
        "La Ley 32108\n\nTexto.",
    )


def test_front_matter_describes_a_markdown_article() -> None:
    data = b"---\ntitle: T\nurl: https://x.org/a\nlang: es\nauthors: [Ana, Luis]\ndate: 2024-12-02\ntags: [x]\n---\nBody.\n"
    entry = parse_article("a.md", data)
    assert (entry.title, entry.url, entry.lang, entry.text) == (
        "T",
        "https://x.org/a",
        "es",
        "Body.\n",
    )
    assert (entry.authors, entry.tags) == (("Ana", "Luis"), ("x",))
    assert entry.published == datetime(2024, 12, 2, tzinfo=UTC)


def test_an_html_file_gives_its_visible_text() -> None:
    entry = parse_article("a.html", b"<title>T</title><p>extor<b>si&oacute;n</b></p><nav>x</nav>")
    assert (entry.title, entry.text.strip()) == ("T", "extorsión")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "is empty"),
        ("a.md", b"---\ntitle: x\n---\n \n", "is empty"),
        ("a.html", b"<script>x</script>", "is empty"),
        ("a.txt", b"Ley\nExtorsi\xf3n", r"not UTF-8 \(line 2, byte 11\)"),
        ("a.txt", b"PK\x00\x03", "binary"),
        ("a.md", b"---\ntitle: [\n---\nText", "front matter is broken"),
    ],
)
def test_what_is_no_article_is_refused_with_the_reason(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse_article(name, data)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://Example.org:443", "https://example.org/"),
        ("http://x.org:8080/a?b=&c=1", "http://x.org:8080/a?b=&c=1"),
        ("https://x.org/a?fbclid=1&UTM_Source=y", "https://x.org/a"),
        ("not a link", "not a link"),
        ("https://[bad", "https://[bad"),
    ],
)
def test_a_link_has_one_canonical_form(url: str, form: str) -> None:
    assert canonical(url) == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (
            "La extorsi\u00c3\u00b3n, Ley N\u00c2\u00b0 32108",
            "La extorsi\u00f3n, Ley N\u00b0 32108",
        ),
        ("\u00e2\u20ac\u0153Paro\u00e2\u20ac\ufffd en Lima", None),
        (
            "S\u00c3O PAULO, \u00c2ncora e \u00e2nimo, caf\u00e9",
            "S\u00c3O PAULO, \u00c2ncora e \u00e2nimo, caf\u00e9",
        ),
    ],
    ids=["twice", "twice, and cut", "once"],
)
def test_text_that_was_encoded_twice_is_mended(sent: str, read: str | None) -> None:
    feed = f"<rss version='2.0'><channel><title>t</title><item><title>{sent}</title></item></channel></rss>"
    (entry,) = parsed(feed.encode())
    assert entry.title == (read or entry.title)
    assert "\u20ac" not in entry.title
