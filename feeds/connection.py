"""One connection to a server, and HTTP/1.1 over it: llhttp, through httptools, reads the answers.

What goes wrong is told by httpx's errors, as a transport of httpx tells it. No call has a
timeout of its own: the caller's one deadline cancels them all.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import httptools
import httpx

Headers = list[tuple[bytes, bytes]]

_MOST_UNREAD = 100 * 1024
"""So many bytes may arrive before a head is whole, or without one byte of the body in them."""

_NO_BODY = frozenset({204, 304})
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_TARGET = re.compile(rb"[\x21-\x7e]+")


async def connected(address: str, port: int) -> Connection:
    """Return a connection to an IP address; raise OSError."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, address, port)
    return connection


@dataclass(slots=True)
class _Heard:
    """What has arrived of the answer to one request."""

    status: int = 0  # 0 until the head is whole
    headers: Headers = field(default_factory=list)
    pieces: deque[bytes] = field(default_factory=deque)
    unread: int = 0
    ends_with_connection: bool = False
    is_whole: bool = False
    keeps: bool = False
    error: httpx.TransportError | None = None


class Connection(asyncio.Protocol):
    """A connection, bare or under TLS, for one request at a time.

    A request is `ask`, and after it `body` to its end; where that is so, and the server
    keeps the connection, `is_free` tells that another may follow.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._heard = _Heard()
        self._parser: httptools.HttpResponseParser | None = self._reader()
        self._news: asyncio.Future[None] | None = None
        self._is_open = False
        self._is_used = False

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Go on under TLS with who proves to be *host*; where that fails, raise ConnectError."""
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(self._transport, self, context, server_hostname=host)
        except (OSError, EOFError) as error:
            raise httpx.ConnectError(str(error)) from error
        assert transport is not None  # noqa: S101  typed so for servers that were closed meanwhile
        self._transport = transport

    async def ask(self, request: httpx.Request) -> tuple[int, Headers]:
        """Send *request*, whose body is bytes; return the status and the headers of its answer."""
        written = _written(request)
        if self._is_used:
            self._heard = _Heard()
            self._parser = self._reader()
        self._is_used = True
        heard = self._heard
        if self._is_open:  # there are servers that answer, and close, before they are asked
            self._transport.write(written)
        while not heard.status:
            await self._more()
        return heard.status, heard.headers

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the answer's body as it arrives, to its end; raise ReadError where it breaks off."""
        heard = self._heard
        while heard.pieces or not heard.is_whole:
            if heard.pieces:
                yield heard.pieces.popleft()
            else:
                await self._more()

    @property
    def is_free(self) -> bool:
        """Tell whether another request may be sent."""
        heard = self._heard
        return self._is_open and heard.is_whole and heard.keeps and not heard.pieces

    def abort(self) -> None:
        """Close at once: what has not been sent by now, nobody waits for."""
        self._transport.abort()

    def _reader(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        # Bare line feeds, and other sins of servers that browsers forgive.
        parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        return parser

    async def _more(self) -> None:
        if self._heard.error:
            raise self._heard.error
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    def _tell(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)

    def _fail(self, error: httpx.TransportError) -> None:
        """Close the connection; where the answer is not whole, *error* is what came of it."""
        heard = self._heard
        if not heard.is_whole and heard.error is None:
            heard.error = error
        self.abort()
        self._tell()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived."""
        heard = self._heard
        if heard.is_whole or self._parser is None:
            self.abort()  # nobody has asked for it
            return
        had = len(heard.pieces)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(str(error)))
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("it changes to another protocol"))
        heard.unread = 0 if len(heard.pieces) > had else heard.unread + len(data)
        if heard.unread > _MOST_UNREAD:
            self._fail(httpx.RemoteProtocolError("its headers have no end"))
        self._tell()

    def connection_lost(self, error: Exception | None) -> None:
        """Take in that the server has closed the connection, or that it broke."""
        self._is_open = False
        self._parser = None  # which holds us
        if self._heard.ends_with_connection and error is None:
            self._heard.is_whole = True
        self._fail(httpx.ReadError(str(error or "closed")))

    # What the parser calls. What follows a whole answer in the same packet belongs to nothing.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header; what follows the body is none of the head."""
        if not self._heard.status:
            self._heard.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take in that a head is whole; those before the last word (1xx) are left out."""
        heard, parser = self._heard, self._parser
        if heard.is_whole or parser is None:
            return
        if parser.get_status_code() < 200:
            heard.headers.clear()
            return
        heard.status = parser.get_status_code()
        named = {name.lower(): value.lower() for name, value in heard.headers}
        coded = named.get(b"transfer-encoding")
        if coded is not None:
            is_measured = coded.rpartition(b",")[2].strip() == b"chunked"
        else:
            is_measured = heard.status in _NO_BODY or b"content-length" in named
        heard.ends_with_connection = not is_measured

    def on_body(self, piece: bytes) -> None:
        """Take in a piece of the body; who asked reads it at once, so that few wait."""
        if not self._heard.is_whole:
            self._heard.pieces.append(piece)

    def on_message_complete(self) -> None:
        """Take in that all has arrived."""
        heard, parser = self._heard, self._parser
        if heard.status and not heard.is_whole and parser is not None:
            heard.is_whole = True
            heard.keeps = parser.should_keep_alive()


def _written(request: httpx.Request) -> bytes:
    """Return *request* as it is sent; raise LocalProtocolError for what would be read otherwise."""
    target = request.url.raw_path
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), target)]
    is_safe = _TARGET.fullmatch(target) is not None
    for name, value in request.headers.raw:
        is_safe = is_safe and bool(_NAME.fullmatch(name)) and bool(_VALUE.fullmatch(value))
        lines.append(b"%s: %s" % (name, value))
    if not is_safe:
        raise httpx.LocalProtocolError("the target or a header holds what cannot be sent")
    return b"\r\n".join([*lines, b"", request.content])
