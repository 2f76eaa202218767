"""The quick reader says what feedparser says, or nothing.

Feeds are made of pieces that are right, odd or wrong, in any order, and are sent
in encodings and under media types that fit or do not.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watcher.parse import Document, ParseError
from watcher.parse.feed import judged_feed
from watcher.parse.quick import quick_feed
from watcher.parse.written import parsed

ADDRESS = "https://news.example/feeds/all.xml"
NAMESPACES = {
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "media": "http://search.yahoo.com/mrss/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "atom": "http://www.w3.org/2005/Atom",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "georss": "http://www.georss.org/georss",
    "x": "http://example.org/private",
}
ODD_NAMESPACES = [
    'xmlns:content="http://purl.org/dc/elements/1.1/"',
    'xmlns:title="http://example.org/title"',
    'xmlns:itunes="http://example.org/unknown"',
    'xmlns:DC="http://purl.org/dc/elements/1.1/"',
    'xmlns:media="http://search.yahoo.com/mrss"',
    'xmlns:c="http://PURL.org/rss/1.0/modules/content/"',
    'xmlns:old="http://backend.userland.com/rss2"',
    'xmlns:r="http://purl.org/rss/1.0/"',
    "xmlns:s='http://purl.org/rss/1.0/modules/slash/'",
    'xml:base="https://base.example/x/"',
    'xml:lang="es"',
    'xml:lang=""',
    'lang="de"',
]
TEXTS = [
    "",
    " \n ",
    "Ley 32108",
    "La extorsión, Ley N.º 32108 – «paro»",
    "&lt;p&gt;extor&lt;b&gt;si&amp;oacute;n&lt;/b&gt;&lt;/p&gt;&lt;p&gt;x&lt;/p&gt;",
    "AT&amp;amp;T &amp;lt;b&amp;gt;",
    "a &lt; b &amp; c",
    "<![CDATA[<p>One <a href='/two'>two</a>&nbsp;three</p><script>four</script>]]>",
    "<![CDATA[ Title & <i>more</i> ]]>",
    "one <![CDATA[two]]> three<!-- no -->four",
    "<b>inline</b> markup",
    "extorsi\u00c3\u00b3n",
    "caf\u00c3\u00a9 \u20ac",
    "\u0093quoted\u0094",
    "&#150; &#x2019; &#195;&#179;",
    "日本語 \U0001f600",
    "<?php echo 1 ?>text",
    "x" * 9000,
    "&nbsp;",
    "a@example.org (Ana María)",
    "Ana &lt;a@example.org&gt;",
    "a@example.online (Ana)",
    "https://news.example/a?b=1&amp;c=2",
    "https:////news.example/a",
    "/relative/a.html",
    "t3_42tizy",
    "mailto:ana@example.org",
    "one, two,,three",
]
DATES = [
    "Mon, 02 Dec 2024 10:00:00 -0500",
    "Mon, 02 Dec 2024 10:00:00 GMT",
    "2 Dec 24 10:00 EST",
    "2024-12-02T10:00:00Z",
    "2024-12-02T10:00:00.123+05:30",
    "2024-12-02",
    "2024-13-45T99:00:00Z",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "yesterday",
    "",
]
IN_ENTRY = [
    "<title>{t}</title>",
    "<title>{t}</title>",
    "<title type='{k}'>{t}</title>",
    "<description>{t}</description>",
    "<description>{t}</description>",
    "<description xml:lang='fr'>{t}</description>",
    "<summary>{t}</summary>",
    "<summary type='{k}'>{t}</summary>",
    "<content type='{k}'>{t}</content>",
    "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>{t}<br/><a rel='X' href='b'>y</a></div></content>",
    "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>a</div><div xmlns='http://www.w3.org/1999/xhtml'>b &amp; c</div></content>",
    "<content src='https://x.example/'/>",
    "<content type='image/png'>{t}</content>",
    "<content:encoded>{t}</content:encoded>",
    "<content:encoded>{t}</content:encoded>",
    "<dc:description>{t}</dc:description>",
    "<dc:title>{t}</dc:title>",
    "<itunes:summary>{t}</itunes:summary>",
    "<media:title>{t}</media:title>",
    "<media:description>{t}</media:description>",
    "<media:group><media:title>{t}</media:title><media:description>{u}</media:description><media:content url='x'/></media:group>",
    "<media:content url='x'><media:description>{t}</media:description><media:credit>{u}</media:credit></media:content>",
    "<media:thumbnail url='x.jpg'/>",
    "<media:keywords>{t}</media:keywords>",
    "<media:category>{t}</media:category>",
    "<link>{t}</link>",
    "<link>{t}</link>",
    "<link href='/b'/>",
    "<link rel='alternate' type='text/html' href='https://news.example/c'/>",
    "<link rel='{k}' type='{k}' href='/d' title='x'/>",
    "<link rel='Alternate' href=''>{t}</link>",
    "<atom:link href='/e' rel='replies'/>",
    "<guid>{t}</guid>",
    "<guid isPermaLink='false'>{t}</guid>",
    "<guid ispermalink='FALSE'>{t}</guid>",
    "<id>{t}</id>",
    "<author>{t}</author>",
    "<author>{t}</author>",
    "<author><name>{t}</name><uri>/x</uri></author>",
    "<author><email>e@x.org</email><name>{t}</name></author>",
    "<author><email>e@x.org</email></author>",
    "<dc:creator>{t}</dc:creator>",
    "<dc:creator>{t}</dc:creator>",
    "<itunes:author>{t}</itunes:author>",
    "<contributor><name>{t}</name></contributor>",
    "<category>{t}</category>",
    "<category domain='d'>{t}</category>",
    "<category term='a' label='b'/>",
    "<category term='' scheme='s'>{t}</category>",
    "<dc:subject>{t}</dc:subject>",
    "<itunes:keywords>{t}</itunes:keywords>",
    "<pubDate>{d}</pubDate>",
    "<published>{d}</published>",
    "<updated>{d}</updated>",
    "<created>{d}</created>",
    "<dc:date>{d}</dc:date>",
    "<dcterms:issued>{d}</dcterms:issued>",
    "<dcterms:modified>{d}</dcterms:modified>",
    "<date>{d}</date>",
    "<modified>{d}</modified>",
    "<source url='https://x.example/'>{t}</source>",
    "<source><title>{t}</title><id>i</id></source>",
    "<enclosure url='x.mp3' type='audio/mpeg' length='1'/>",
    "<comments>{t}</comments>",
    "<slash:comments>3</slash:comments>",
    "<wfw:commentRss>{t}</wfw:commentRss>",
    "<podcast:episode>{t}</podcast:episode>",
    "<podcast:person><podcast:name>{t}</podcast:name></podcast:person>",
    "<x:title>{t}</x:title>",
    "<x:wrap><title>{t}</title></x:wrap>",
    "<x:detail>{t}</x:detail>",
    "<georss:point>45 -71</georss:point>",
    "<dc:language>qu</dc:language>",
    "<language>qu</language>",
    "<image><url>x.png</url><title>{t}</title></image>",
    "<body>{t}</body>",
    "<foo>{t}</foo>",
    "<foo bar='x'>{t}</foo>",
    "<abstract>{t}</abstract>",
    "<rights>{t}</rights>",
    "<tags>{t}</tags>",
    "<authors>{t}</authors>",
    "<links>{t}</links>",
    "<TITLE>{t}</TITLE>",
    "<title xmlns='http://example.org/other'>{t}</title>",
    "{t}",
]
IN_HEAD = [
    "<title>{t}</title>",
    "<title>{t}</title>",
    "<title type='{k}'>{t}</title>",
    "<link>{t}</link>",
    "<link href='https://hub.example/' rel='hub'/>",
    "<atom:link href='/self' rel='self' type='application/rss+xml'/>",
    "<atom:link href='https://hub.example/2' rel='HUB'/>",
    "<description>{t}</description>",
    "<subtitle>{t}</subtitle>",
    "<language>es-PE</language>",
    "<language>{t}</language>",
    "<dc:language>fr</dc:language>",
    "<ttl>60</ttl>",
    "<ttl>{t}</ttl>",
    "<sy:updatePeriod>hourly</sy:updatePeriod>",
    "<sy:updateFrequency>2</sy:updateFrequency>",
    "<skipHours><hour>3</hour></skipHours>",
    "<skipDays><day>Monday</day></skipDays>",
    "<image><url>x.png</url><title>{t}</title><link>{u}</link></image>",
    "<textInput><title>{t}</title><description>d</description><name>n</name><link>l</link></textInput>",
    "<cloud domain='x'/>",
    "<itunes:summary>{t}</itunes:summary>",
    "<itunes:category text='a'><itunes:category text='b'/></itunes:category>",
    "<itunes:owner><itunes:name>{t}</itunes:name><itunes:email>e@x.org</itunes:email></itunes:owner>",
    "<itunes:image href='x'/>",
    "<author><name>{t}</name></author>",
    "<id>{t}</id>",
    "<updated>{d}</updated>",
    "<lastBuildDate>{d}</lastBuildDate>",
    "<generator uri='x'>{t}</generator>",
    "<content:encoded>{t}</content:encoded>",
    "<category>{t}</category>",
    "<media:title>{t}</media:title>",
    "<foo>{t}</foo>",
    "<x:y>{t}</x:y>",
    "<managingEditor>{t}</managingEditor>",
    "<entries>{t}</entries>",
]
KINDS = ["text", "html", "xhtml", "text/html", "text/plain", "alternate", "self", "escaped", ""]
TYPES = [
    "application/rss+xml",
    "application/atom+xml; charset=utf-8",
    "application/xml",
    "text/xml",
    'text/xml; charset="UTF-8"',
    "text/xml; charset=iso-8859-1",
    "application/xml; charset=us-ascii",
    "text/html",
    "",
    "nonsense",
]
ENCODINGS = ["utf-8", "utf-8-sig", "latin-1", "utf-16", "cp1252"]
DECLARATIONS = [
    "",
    '<?xml version="1.0"?>\n',
    '<?xml version="1.0" encoding="utf-8"?>',
    "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n",
    '<?xml version="1.0" encoding="ISO-8859-1"?>',
    '<?xml version="1.0" encoding="utf-16"?>',
    '<?xml version="1.1"?>',
    '\n<?xml version="1.0"?>',
    '<?xml version="1.0"?><?xml-stylesheet href="a.xsl" encoding="latin-1"?>',
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x "y">]>',
]


def filled(pieces: list[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda piece, t, u, d, k: piece.format(t=t, u=u, d=d, k=k),
        st.sampled_from(pieces),
        st.sampled_from(TEXTS),
        st.sampled_from(TEXTS),
        st.sampled_from(DATES),
        st.sampled_from(KINDS),
    )


def items(pieces: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.lists(filled(pieces), max_size=7).map("".join), max_size=3)


def heads(pieces: list[str]) -> st.SearchStrategy[str]:
    return st.lists(filled(pieces), max_size=4).map("".join)


DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
RARELY = st.one_of(st.just(""), st.just(""), st.just(""), st.sampled_from(ODD_NAMESPACES))


def rss(head: str, items: list[str], extra: str, version: str = "2.0") -> str:
    entries = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="{version}" {DECLARED} {extra}><channel>{head}{entries}</channel></rss>'


def rdf(head: str, items: list[str], extra: str) -> str:
    entries = "".join(f'<item rdf:about="/{n}">{item}</item>' for n, item in enumerate(items))
    return (
        (
            f'<rdf:RDF xmlns="http://purl.org/rss/1.0/" {DECLARED} {extra}><channel rdf:about="/">'
            f"{head}<items><rdf:Seq><rdf:li rdf:resource='/0'/></rdf:Seq></items></channel>{entries}</rdf:RDF>"
        )
        .replace(f' xmlns:atom="{NAMESPACES["atom"]}"', "")
        .replace("atom:link", "link")
    )


def atom(head: str, items: list[str], extra: str) -> str:
    entries = "".join(f"<entry>{item}</entry>" for item in items)
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {DECLARED} {extra}>{head}{entries}</feed>'


def old_atom(head: str, items: list[str], extra: str) -> str:
    entries = "".join(f"<entry>{item}</entry>" for item in items)
    return f'<feed version="0.3" xmlns="http://purl.org/atom/ns#" {DECLARED} {extra}>{head}{entries}</feed>'


def feeds(in_head: list[str], in_entry: list[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda form, head, entries, extra: form(head, entries, extra),
        st.sampled_from([rss, rss, atom, atom, rdf, old_atom]),
        heads(in_head),
        items(in_entry),
        RARELY,
    )


FEEDS = feeds(IN_HEAD, IN_ENTRY)


def agreed(body: bytes, content_type: str = "application/xml") -> bool:
    """Tell whether the quick reader read it; what it read is what feedparser reads."""
    document = Document(address=ADDRESS, body=body, content_type=content_type)
    quick = quick_feed(document)
    if quick is not None:
        assert parsed(quick, document) == parsed(judged_feed(document), document)
    return quick is not None


def usual(pieces: list[str], *, in_entry: bool) -> list[str]:
    """Return those pieces that the quick reader takes when they come alone."""
    found = []
    for piece in pieces:
        text = piece.format(t="Ley", u="Dos", d=DATES[0], k="html")
        alone = [form("", [text], "") if in_entry else form(text, [], "") for form in (rss, atom)]
        if any(agreed(feed.encode()) for feed in alone):
            found.append(piece)
    return found


USUAL = feeds(usual(IN_HEAD, in_entry=False), usual(IN_ENTRY, in_entry=True))


@settings(max_examples=400, deadline=None)
@given(USUAL | FEEDS)
def test_what_is_read_quickly_is_what_feedparser_reads(feed: str) -> None:
    agreed(feed.encode())


@settings(max_examples=100, deadline=None)
@given(
    FEEDS,
    st.sampled_from(TYPES),
    st.sampled_from(ENCODINGS),
    st.sampled_from(DECLARATIONS),
)
@example(rss("", ["<title>caf\u00e9</title>"], ""), "text/xml; charset=iso-8859-1", "utf-8", "")
def test_in_whatever_encoding_it_comes(
    feed: str, content_type: str, encoding: str, declaration: str
) -> None:
    agreed((declaration + feed).encode(encoding, "replace"), content_type)


@settings(max_examples=100, deadline=None)
@given(FEEDS, st.data())
def test_damaged_feeds_are_left_to_feedparser_or_read_alike(feed: str, data) -> None:
    body = feed.encode()
    at = data.draw(st.integers(0, len(body) - 1))
    length = data.draw(st.integers(1, 40))
    put = data.draw(st.sampled_from([b"", b"<", b">", b"&", b"]]>", b"\x00", b"\xff", b"<title>"]))
    try:
        agreed(body[:at] + put + body[at + length :])
    except ParseError:
        pytest.fail("what feedparser refuses was read quickly")


WORDPRESS = """<title>Ley 32108 &#8211; paro</title><link>https://news.example/1/</link>
<comments>https://news.example/1/#c</comments><dc:creator><![CDATA[Ana]]></dc:creator>
<pubDate>Mon, 02 Dec 2024 10:00:00 +0000</pubDate><category><![CDATA[Perú]]></category>
<guid isPermaLink="false">https://news.example/?p=1</guid><description><![CDATA[<p>Short [&#8230;]</p>]]></description>
<content:encoded><![CDATA[<p>Long <b>text</b></p>]]></content:encoded>
<wfw:commentRss>https://news.example/1/feed/</wfw:commentRss><slash:comments>0</slash:comments>
<media:content url="https://news.example/1.jpg" medium="image"><media:title type="html">Ana</media:title></media:content>"""
PODCAST = """<title>Episode</title><itunes:title>Episode</itunes:title><guid>abc</guid>
<description>&lt;p&gt;About it&lt;/p&gt;</description><itunes:summary>About it</itunes:summary>
<enclosure url="https://news.example/1.mp3" length="1" type="audio/mpeg"/><itunes:author>Ana</itunes:author>
<itunes:duration>10:00</itunes:duration><itunes:image href="x.jpg"/><itunes:explicit>no</itunes:explicit>
<podcast:transcript url="x" type="text/plain"/><pubDate>Mon, 2 Dec 2024 10:00:00 EST</pubDate>"""
VIDEO = """<id>yt:video:1</id><title>Video</title><link rel="alternate" href="https://video.example/1"/>
<author><name>Ana</name><uri>https://video.example/ana</uri></author><published>2024-12-02T10:00:00+00:00</published>
<updated>2024-12-02T10:00:00+00:00</updated><media:group><media:title>Video</media:title>
<media:content url="https://video.example/v/1" type="x" width="640"/><media:thumbnail url="x.jpg"/>
<media:description>Ley 32108</media:description></media:group>"""
BLOG = """<id>tag:blog,1</id><published>2024-12-02T10:00:00.001-05:00</published><category scheme="s" term="Perú"/>
<title type="text">Ley</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Uno &amp; dos</p></div></content>
<link rel="edit" type="application/atom+xml" href="https://blog.example/e/1"/><link rel="alternate" type="text/html" href="https://blog.example/1" title="Ley"/>
<author><name>Ana</name><email>noreply@blog.example</email></author><summary type="html">&lt;p&gt;Uno&lt;/p&gt;</summary>"""
OLD = """<title>A</title><link>https://news.example/a</link><description>B</description>
<dc:creator>Ana</dc:creator><dc:date>2024-12-02T10:00:00-05:00</dc:date><dc:subject>Perú</dc:subject>"""


@pytest.mark.parametrize(
    "feed",
    [
        rss("<title>T</title><atom:link href='/s' rel='self'/><ttl>60</ttl>", [WORDPRESS], ""),
        rss(
            "<title>T</title><itunes:owner><itunes:name>A</itunes:name></itunes:owner>",
            [PODCAST],
            "",
        ),
        atom("<title>T</title><id>i</id><link href='/'/>", [VIDEO], 'xml:lang="es"'),
        atom("<title type='text'>T</title><subtitle type='html'/>", [BLOG], ""),
        rdf("<title>T</title><link>/</link><description>D</description>", [OLD], ""),
        rss("", ["<description>no title</description><author>a@x.org (Ana)</author>"], "", "0.92"),
    ],
    ids=["wordpress", "podcast", "video", "blog", "rdf", "0.92"],
)
def test_feeds_as_programs_write_them_are_read_quickly(feed: str) -> None:
    assert agreed(f'<?xml version="1.0" encoding="UTF-8"?>\n{feed}'.encode())


@pytest.mark.parametrize(
    "body",
    [
        rss("", [f"<title>{escape('<b>x</b>')}</title>"], "").replace(
            "<channel>", "<channel a='b'>"
        ),
        "<rss version='2.0'><channel/><channel/></rss>",
        "<html><body/></html>",
        "",
        "<",
        "words",
        "<rss>" * 300 + "</rss>" * 300,
        "<rss " + " ".join(f"a{n}=''" for n in range(20_000)) + "/>",
        "<rss>" + "<!--" * 20_000 + "</rss>",
        '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><rss><channel><title>&b;</title></channel></rss>',
    ],
)
def test_what_is_odd_is_left_to_feedparser(body: str) -> None:
    assert quick_feed(Document(address=ADDRESS, body=body.encode(), content_type="")) is None
