"""A server that means harm, byte by byte, beside fifty feeds that are well. Loopback alone."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache

from tests.desks import rss
from tests.feeds.servers import Answer, Asked, respond

XML = "application/rss+xml; charset=utf-8"
HEALTHY = 50
MEBIBYTE = 1 << 20

# A brotli stream of 1 GiB of zeros would be 1.6 KB; whoever asks for none must not even begin.
BROTLI = bytes.fromhex("5bffff3f00a01b20")


def healthy(number: int) -> bytes:
    """Return the feed of a healthy source."""
    items = [(f"{number}-{n}", f"Nota {number}-{n} de la Ley 32108") for n in range(10)]
    return respond(body=rss(*items), content_type=XML)


async def _bomb(_: Asked) -> AsyncIterator[bytes]:
    """Send 512 MiB of a feed, packed to half a mebibyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-encoding: gzip\r\n\r\n"
    for _number in range(512):
        yield packer.compress(b" " * MEBIBYTE)
        await asyncio.sleep(0)


async def _endless_head(_: Asked) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(1_000_000):
        yield b"x-header-%d: %s\r\n" % (number, b"x" * 1000)
        await asyncio.sleep(0)


async def _slow_head(_: Asked) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nx-slow: "
    while True:
        await asyncio.sleep(0.1)
        yield b"x"


async def _slow_body(_: Asked) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 1000000\r\n\r\n<rss>"
    while True:
        await asyncio.sleep(0.1)
        yield b" "


async def _silence(_: Asked) -> AsyncIterator[bytes]:
    await asyncio.sleep(3600)
    yield b""


def _hops(asked: Asked) -> bytes:
    step = int(asked.target.rpartition("-")[2] or 0)
    return respond(302, location=f"/hops-{step + 1}")


@cache
def _attributes() -> bytes:
    written = " ".join(f'a{n}="v"' for n in range(200_000))
    return respond(
        body=f"<rss version='2.0'><channel><item {written}><title>x".encode(), content_type=XML
    )


@cache
def _comments() -> bytes:
    item = b"<item><description><![CDATA[" + b"<!--" * 100_000 + b"]]></description></item>"
    return respond(
        body=b"<rss version='2.0'><channel>" + item + b"</channel></rss>", content_type=XML
    )


@cache
def _nested() -> bytes:
    return respond(body=b"<rss version='2.0'><channel>" + b"<a>" * 1_000_000, content_type=XML)


@cache
def _many() -> bytes:
    items = "".join(f"<item><guid>{n}</guid><title>Nota {n}</title></item>" for n in range(100_000))
    return respond(
        body=f"<rss version='2.0'><channel>{items}</channel></rss>".encode(), content_type=XML
    )


def _entities(rounds: int = 9) -> bytes:
    lines = ['<!ENTITY lol0 "lollollollollollollollollollol">']
    lines += [f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, rounds + 1)]
    doctype = f"<!DOCTYPE rss [{''.join(lines)}]>"
    item = f"<item><guid>1</guid><title>Bomb &lol{rounds};</title></item>"
    body = f'<?xml version="1.0"?>{doctype}<rss version="2.0"><channel>{item}</channel></rss>'
    return respond(body=body.encode(), content_type=XML)


def _files() -> bytes:
    doctype = '<!DOCTYPE rss [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    item = "<item><guid>1</guid><title>Read &file; out</title></item>"
    body = f'<?xml version="1.0"?>{doctype}<rss version="2.0"><channel>{item}</channel></rss>'
    return respond(body=body.encode(), content_type=XML)


GIVEN_UP = "was given up"
"""The mark of what takes too long or too much; a machine that is fast enough may read it."""

PAGE = b"<!doctype html><html><body><h1>Log in to the network</h1></body></html>"
PACKED = gzip.compress(rss(*((str(n), "x" * 100) for n in range(1000))))

HOSTILE: Mapping[str, tuple[Answer, str]] = {
    "gzip-bomb": (_bomb, "more than 10 MiB"),
    "brotli": (respond(body=BROTLI, content_type=XML, content_encoding="br"), "packed as 'br'"),
    "zstd": (respond(body=b"(\xb5/\xfd", content_encoding="zstd"), "packed as 'zstd'"),
    "attributes": (lambda _: _attributes(), GIVEN_UP),
    "comments": (lambda _: _comments(), GIVEN_UP),
    "nested": (lambda _: _nested(), GIVEN_UP),
    "many-items": (lambda _: _many(), ""),
    "entities": (_entities(), ""),
    "external-entity": (_files(), ""),
    "endless-head": (_endless_head, "does not speak HTTP"),
    "slow-head": (_slow_head, "did not answer in full"),
    "slow-body": (_slow_body, "did not answer in full"),
    "silence": (_silence, "did not answer in full"),
    "circle": (respond(302, location="/circle"), "in a circle"),
    "hops-0": (_hops, "more than 5 times"),
    "to-a-file": (respond(302, location="file:///etc/passwd"), "not on the web"),
    "to-nowhere": (respond(301, location="http://127.0.0.1:99999/"), "no port 99999"),
    "cut-gzip": (
        respond(body=PACKED[:-200], content_type=XML, content_encoding="gzip"),
        "in the middle of its packed answer",
    ),
    "no-gzip": (respond(body=rss(("1", "x")), content_encoding="gzip"), "not packed as it says"),
    "too-short": (respond(body=rss(("1", "x")), content_length="100000"), "broke off"),
    "bad-length": (respond(body=b"x", content_length="-1"), "does not speak HTTP"),
    "no-http": (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
    "no-answer": (b"", "broke off before it answered"),
    "path": (respond(body=b"/etc/hostname", content_type=XML), "not a feed"),
    "address": (respond(body=b"http://127.0.0.1:1/feed", content_type=XML), "not a feed"),
    "page": (respond(body=PAGE, content_type="text/html"), "web page"),
    "empty": (respond(content_type=XML), "empty"),
    "json-error": (
        respond(body=b'{"error": "quota exceeded"}', content_type="application/json"),
        "not a JSON Feed",
    ),
    "noise": (respond(body=bytes(range(256)) * 1000, content_type=XML), "not a feed"),
    "gone": (respond(410), "gone for good"),
    "blocked": (respond(403, body=PAGE, cf_mitigated="challenge"), "403"),
}
"""Each answer that means harm, with what its source is marked with; "" for one that is read."""


def answer(asked: Asked) -> bytes | AsyncIterator[bytes]:
    """Return what the server answers."""
    name = asked.target.removeprefix("/")
    if name.startswith("healthy-"):
        return healthy(int(name.rpartition("-")[2]))
    name = "hops-0" if name.startswith("hops-") else name
    given = HOSTILE[name][0]
    return given if isinstance(given, bytes) else given(asked)


def addresses(base: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the address of each source, those that mean harm first."""
    for name in HOSTILE:
        yield name, f"{base}/{name}"
    for number in range(HEALTHY):
        yield f"healthy-{number}", f"{base}/healthy-{number}"
