"""A server of made-up feeds for the benches, in a process of its own: RSS, Atom and RDF with HTML.

`python -m tests.benchmarks.newsstand COUNT` prints its port. It answers with 304
where it may; after a request for `/change`, every tenth feed has one entry more.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.benchmarks.corpus import SEED, Corpus

ENTRIES = 10
_NEWEST = datetime(2026, 11, 24, 12, tzinfo=UTC)
_ARTICLES = 150


class Newsstand:
    """Feeds by number, the same in each run; each has entries that no other has."""

    def __init__(self, count: int) -> None:
        self.count = count
        texts = [entry.text for entry in Corpus().articles(_ARTICLES)]
        self._sentences = [
            s.strip()[:160] for text in texts for s in text.split(". ") if len(s) > 60
        ]

    def feed(self, number: int, *, changed: bool = False) -> tuple[str, bytes]:
        """Return the media type and the bytes of a feed."""
        chance = random.Random(SEED + number)
        first = 0 if changed else 1
        items = [self._item(chance, number, n) for n in range(ENTRIES + 1)][::-1]
        items = items[first : first + ENTRIES] if changed else items[1:]
        match number % 10:
            case 7 | 8:
                return "application/atom+xml", _atom(number, items)
            case 9:
                return "application/rdf+xml", _rdf(number, items)
            case _:
                return "application/rss+xml; charset=utf-8", _rss(number, items)

    def _item(self, chance: random.Random, number: int, n: int) -> dict[str, str]:
        said = chance.sample(self._sentences, 9)
        link = f"https://news-{number}.example/2026/{n}/{said[0][:12].split()[0].lower()}"
        at = _NEWEST - timedelta(hours=5 * (ENTRIES - n), seconds=number)
        return {
            "title": f"{said[0][:70]} ({number}.{n})",
            "link": link,
            "guid": f"{link}#{n}",
            "lead": f"{said[1]} {said[2]}.",
            "html": f'<p>{said[1]}, <a href="{link}">{said[2]}</a>.</p><p><em>{said[3]}</em> '
            f'{said[4]} &amp; {said[5]}.</p><p><img src="{link}.jpg" alt=""/>{said[6]}.</p>'
            f"<ul><li>{said[7]}</li><li>{said[8]}</li></ul>",
            "rfc822": format_datetime(at, usegmt=True),
            "iso": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tag": said[0].split()[0],
        }


_RSS_ITEM = """<item>
<title>{title}</title><link>{link}</link><guid isPermaLink="false">{guid}</guid>
<dc:creator><![CDATA[A. Writer]]></dc:creator><pubDate>{rfc822}</pubDate><category>{tag}</category>
<description><![CDATA[{lead}]]></description><content:encoded><![CDATA[{html}]]></content:encoded>
</item>
"""
_ATOM_ENTRY = """<entry><title>{title}</title><link rel="alternate" type="text/html" href="{link}"/>
<id>{guid}</id><updated>{iso}</updated><published>{iso}</published>
<author><name>A. Writer</name></author><category term="{tag}"/>
<summary>{lead}</summary><content type="html">{escaped}</content></entry>
"""
_RDF_ITEM = """<item rdf:about="{guid}"><title>{title}</title><link>{link}</link>
<description>{escaped}</description><dc:creator>A. Writer</dc:creator><dc:date>{iso}</dc:date>
<dc:subject>{tag}</dc:subject></item>
"""


def _rss(number: int, items: list[dict[str, str]]) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">'
        f"<channel><title>News {number}</title><link>https://news-{number}.example/</link>"
        "<description>All of it</description><language>es</language>"
        f'<atom:link href="https://news-{number}.example/rss" rel="self"/>'
        f"{''.join(_RSS_ITEM.format(**item) for item in items)}</channel></rss>"
    ).encode()


def _atom(number: int, items: list[dict[str, str]]) -> bytes:
    entries = "".join(_ATOM_ENTRY.format(escaped=_escaped(i["html"]), **i) for i in items)
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"'
        f' xml:lang="en"><title>News {number}</title><id>urn:news:{number}</id>'
        f'<link href="https://news-{number}.example/"/><updated>2026-11-24T12:00:00Z</updated>'
        f"{entries}</feed>"
    ).encode()


def _rdf(number: int, items: list[dict[str, str]]) -> bytes:
    entries = "".join(_RDF_ITEM.format(escaped=_escaped(i["html"]), **i) for i in items)
    return (
        '<?xml version="1.0"?><rdf:RDF xmlns="http://purl.org/rss/1.0/"'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="https://news-{number}.example/"><title>News {number}</title>'
        f"<link>https://news-{number}.example/</link></channel>{entries}</rdf:RDF>"
    ).encode()


def _escaped(markup: str) -> str:
    return markup.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Seller(asyncio.Protocol):
    """Speaks as much HTTP as its two customers need."""

    def __init__(self, stand: dict[str, tuple[bytes, bytes]], change: dict[str, bytes]) -> None:
        self._answers = stand
        self._change = change
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while b"\r\n\r\n" in self._heard:
            asked, _, self._heard = self._heard.partition(b"\r\n\r\n")
            self._answer(asked.decode("latin-1"))

    def _answer(self, asked: str) -> None:
        path = asked.split(" ", 2)[1].partition("?")[0]
        lower = asked.lower()
        if path == "/change":
            self._change["now"] = b"1"
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        tag, whole = self._answers[f"{path}?changed" if self._change else path]
        if f"if-none-match: {tag.decode()}" in lower:
            self._transport.write(b"HTTP/1.1 304 Not Modified\r\netag: " + tag + b"\r\n\r\n")
        else:
            self._transport.write(whole)
        if "connection: close" in lower:
            self._transport.close()


def _answers(stand: Newsstand) -> dict[str, tuple[bytes, bytes]]:
    answers = {}
    for number in range(stand.count):
        before = _whole(stand.feed(number), f'"{number}"')
        changes = number // 10 % 10 == 0
        after = _whole(stand.feed(number, changed=True), f'"{number}b"') if changes else before
        answers[f"/{number}.xml"], answers[f"/{number}.xml?changed"] = before, after
    return answers


def _whole(feed: tuple[str, bytes], tag: str) -> tuple[bytes, bytes]:
    media_type, body = feed
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\netag: {tag}\r\n"
    return tag.encode(), f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _serve(count: int) -> None:
    answers, change = _answers(Newsstand(count)), dict[str, bytes]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Seller(answers, change), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def newsstand(count: int) -> Iterator[str]:
    """Run a server of *count* feeds, and give its address."""
    command = [sys.executable, "-m", "tests.benchmarks.newsstand", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
