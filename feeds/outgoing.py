"""Makes every outgoing HTTP request of the program: guarded, bounded in time and size.

With feeds/connection.py it is the one module that knows which HTTP library we use.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial

import httpx

from feeds.connection import Connection
from feeds.guard import Guard, Kind, OutgoingError, Resolve, SystemResolver
from feeds.inflation import Inflation

__all__ = ["Kind", "Outgoing", "OutgoingError", "Reply"]

WEB_PORTS = frozenset({80, 443})

LARGEST_BODY = 10 * 1024 * 1024
LARGEST_ANSWER = 4096
KEPT_FOR = timedelta(seconds=2)
"""Shorter than servers keep an idle connection: one that they close as we use it is a lost try."""

GET_DEADLINE = timedelta(seconds=30)
POST_DEADLINE = timedelta(seconds=20)

_Origin = tuple[str, str, int]

_STEP = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "if-none-match", "if-modified-since"})
"""What a server hears of us that another server has redirected us to; it gets no credentials."""

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d+)", re.IGNORECASE)

LONGEST_WAIT = timedelta(hours=24)
"""No server is believed that asks us to stay away for longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered, whatever its status.

    *headers* have lower-case names, and values as Latin-1 text, so that sending
    one back gives the same bytes. *body* is decoded. *url* is the address that
    answered, without credentials. *hops* are the redirects that led there: the
    status of each, and the address that it named.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    hops: tuple[tuple[int, str], ...] = ()

    def retry_after(self, now: datetime) -> timedelta | None:
        """Return how long the server asks us to stay away, at most 24 h; None for no sensible word.

        It is given in seconds or as a date (RFC 9110 section 10.2.3).
        """
        written = self.headers.get("retry-after", "").strip()
        if written.isascii() and written.isdigit():
            return _seconds(written)
        return _until(written, now)

    @property
    def links(self) -> Mapping[str, str]:
        """Return the addresses of the `Link` header by their relations (RFC 8288), made absolute."""
        if "link" not in self.headers:  # as nearly always
            return {}
        written = httpx.Response(self.status, headers={"link": self.headers["link"]})
        base = httpx.URL(self.url)
        found: dict[str, str] = {}
        for link in written.links.values():
            with suppress(httpx.InvalidURL):
                address = str(base.join(link.get("url", "")))
                for relation in link.get("rel", "").lower().split():
                    found.setdefault(relation, address)
        return found

    def fresh_for(self, now: datetime) -> timedelta:
        """Return how long the server says that its answer is good (RFC 9111); 24 h at most."""
        age = _MAX_AGE.search(self.headers.get("cache-control", ""))
        if age:
            return _seconds(age[1])
        if "cache-control" in self.headers:
            return timedelta()
        return _until(self.headers.get("expires", ""), now) or timedelta()


def _seconds(written: str) -> timedelta:
    """Return so many seconds, at most LONGEST_WAIT."""
    return timedelta(seconds=min(int(written[:9]), LONGEST_WAIT.total_seconds()))


def _until(written: str, now: datetime) -> timedelta | None:
    """Return how long it is until an HTTP date, at most LONGEST_WAIT; None for what is no date."""
    try:
        until = parsedate_to_datetime(written)
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(aware - now, timedelta()), LONGEST_WAIT)
    except (ValueError, OverflowError):
        return None


class Outgoing:
    """The program's one way out to other servers.

    Proxies and `.netrc` of the environment are ignored, for a proxy would connect
    to what the guard refuses; `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured, for
    receivers with a certificate authority of their own. *kept* is how many idle
    connections of a lane stay open for what is asked next: for a few servers that are asked
    often, not for hundreds that are asked one question each, minutes apart. *resolve*
    and *ports* are what tests put in place of the system's resolver and of the ports
    of the web.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        kept: int = 0,
        resolve: Resolve | None = None,
        ports: Container[int] = WEB_PORTS,
    ) -> None:
        self._system = SystemResolver()
        self._own = {"user-agent": user_agent, **({} if kept else {"connection": "close"})}
        self._trusted = httpx.create_ssl_context()
        self._trusted.set_alpn_protocols(["http/1.1"])
        self._kept = kept
        self._guards = {
            allow_private: Guard(resolve or self._system, allow_private=allow_private)
            for allow_private in (False, True)
        }
        self._ports = ports
        self._transports: dict[tuple[bool, str], _Transport] = {}

    def _way(self, written: str, lane: str = "", *, allow_private: bool) -> _Way:
        """Return the connections of a lane, and the ports that they may be used for.

        A connection to a private address must never serve a request that may not go
        there, so that each kind has its own.
        """
        key = (allow_private, lane)
        if key not in self._transports:
            guard = self._guards[allow_private]
            self._transports[key] = _Transport(guard, self._trusted, self._kept)
        return _Way(self._transports[key], None if allow_private else self._ports, written)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        cap: int = LARGEST_BODY,
        deadline: timedelta = GET_DEADLINE,
        max_redirects: int = 5,
        allow_private: bool = False,
        written: str = "",
    ) -> Reply:
        """Return the answer of *url*, or of where it redirects to; raise OutgoingError.

        *cap* bounds the decoded body in bytes, *deadline* everything from the first
        name lookup to the last byte. Redirects keep to http and https, never go from
        https to http, and take no credentials to another origin. Each address on the
        way passes the guard. *written* is the address that an operator wrote: its
        port is open at its host, beside those of the web.
        """
        own = {"accept-encoding": "gzip, deflate", **self._own}
        way = self._way(written, allow_private=allow_private)
        async with _limited(deadline, url):
            sent = {"accept": "*/*", **_lower(headers or {})}
            return await _followed(way, url, sent, own, cap, max_redirects)

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        cap: int = LARGEST_ANSWER,
        deadline: timedelta = POST_DEADLINE,
        allow_private: bool = False,
        lane: str = "",
        written: str = "",
    ) -> Reply:
        """Return the answer of *url* to *body*; raise OutgoingError.

        A redirect is returned as it is. The answer's body is cut at *cap* bytes, and
        left out where it comes in an encoding that we did not ask for. What has the same
        *lane* shares connections, and with no other. *written* is as with `get`.
        """
        own = {"accept-encoding": "identity", **self._own}
        way = self._way(written, lane, allow_private=allow_private)
        async with _limited(deadline, url):
            asked, credentials = _asked(url)
            sent = {"accept": "*/*", **_lower(headers), **credentials, **own}
            async with _answered(way, "POST", asked, sent, body) as response:
                return _reply(response, asked, await _start_of_body(response, cap))

    async def aclose(self) -> None:
        """Close what is open; nothing can be requested after that."""
        for transport in self._transports.values():
            await transport.aclose()
        self._system.close()


class _Transport(httpx.AsyncBaseTransport):
    """Sends httpx's requests over connections that the guard gives.

    It is used without httpx's client, which reads cookies and redirects even where it
    is told not to follow them, and fails on a `Location` that cannot be read. Timeouts
    are left to the one deadline over everything, which a server cannot put off by
    sending a byte now and then.
    """

    def __init__(self, guard: Guard, trusted: ssl.SSLContext, kept: int) -> None:
        self._guard = guard
        self._trusted = trusted
        self._kept = kept
        self._idle: list[_Idle] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin = _origin(request.url)
        connection = self._kept_for(origin) or await self._connected(*origin)
        try:
            status, headers = await connection.ask(request)
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(
            status, headers=headers, stream=_Body(connection, partial(self._keep, origin))
        )

    async def aclose(self) -> None:
        for one in self._idle:
            one.connection.abort()
        self._idle.clear()

    async def _connected(self, scheme: str, host: str, port: int) -> Connection:
        connection = await self._guard.connect(host, port)
        if scheme == "https":
            try:
                await connection.secure(self._trusted, host)
            except BaseException:
                connection.abort()
                raise
        return connection

    def _kept_for(self, origin: _Origin) -> Connection | None:
        found = next((one for one in self._idle if one.origin == origin), None)
        if found is None:
            return None
        self._idle.remove(found)
        return found.connection if found.connection.is_free else self._kept_for(origin)

    def _keep(self, origin: _Origin, connection: Connection) -> None:
        """Keep *connection* for a moment, where its answer was read and there is room."""
        if len(self._idle) >= self._kept or not connection.is_free:
            connection.abort()
            return
        one = _Idle(origin, connection)
        self._idle.append(one)
        asyncio.get_running_loop().call_later(KEPT_FOR.total_seconds(), self._let_go, one)

    def _let_go(self, one: _Idle) -> None:
        if one in self._idle:
            self._idle.remove(one)
            one.connection.abort()


@dataclass(frozen=True, slots=True, eq=False)
class _Idle:
    """A connection that was given back, this time."""

    origin: _Origin
    connection: Connection


class _Body(httpx.AsyncByteStream):
    def __init__(self, connection: Connection, give_back: Callable[[Connection], None]) -> None:
        self._connection = connection
        self._give_back = give_back

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._connection.body()

    async def aclose(self) -> None:
        self._give_back(self._connection)


@dataclass(frozen=True, slots=True)
class _Way:
    """What one request goes through: connections, and the *ports* it may ask for; None for any.

    A connection that is kept may have been opened for a request with other ports,
    so that each request is looked at, and not each connection.
    """

    transport: _Transport
    ports: Container[int] | None
    written: str

    async def send(self, request: httpx.Request) -> httpx.Response:
        port = _port(request.url)
        if self.ports is not None and port not in self.ports and not self._is_written(request.url):
            raise OutgoingError(
                "denied",
                f"{request.url.host} is refused: port {port} is not one of the web's, 80 and 443"
                " (beside them, the port of an address that you wrote is open, at its own host;"
                " allow_private permits any port)",
            )
        return await self.transport.handle_async_request(request)

    def _is_written(self, url: httpx.URL) -> bool:
        if not self.written:
            return False
        written, _ = _asked(self.written)
        return (written.host, _port(written)) == (url.host, _port(url))


@asynccontextmanager
async def _limited(deadline: timedelta, url: str) -> AsyncIterator[None]:
    seconds = deadline.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        reason = f"{_host(url)} did not answer in full within {seconds:g} s"
        raise OutgoingError("timeout", reason) from error


async def _followed(
    way: _Way,
    url: str,
    headers: Mapping[str, str],
    own: Mapping[str, str],
    cap: int,
    max_redirects: int,
) -> Reply:
    asked, credentials = _asked(url)
    sent = {**headers, **credentials}
    seen = {asked}
    hops: list[tuple[int, str]] = []
    while True:
        async with _answered(way, "GET", asked, {**sent, **own}) as response:
            target = _redirect(response, asked)
            if target is None:
                return _reply(response, asked, await _whole_body(response, cap, asked), tuple(hops))
        hops.append((response.status_code, str(target)))
        if target in seen or len(hops) > max_redirects:
            why = "in a circle" if target in seen else f"more than {max_redirects} times"
            raise OutgoingError("redirects", f"{_host(url)} redirects {why}")
        if _origin(target) != _origin(asked):
            sent = {name: value for name, value in sent.items() if name in _ACROSS_ORIGINS}
        seen.add(target)
        asked = target


@lru_cache(maxsize=4096)
def _asked(url: str) -> tuple[httpx.URL, Mapping[str, str]]:
    """Return the address to ask, without credentials and fragment, and the credentials' header."""
    try:
        asked = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise OutgoingError("address", "the address cannot be read as a URL") from error
    if asked.scheme not in ("http", "https") or not asked.host:
        raise OutgoingError("address", "the address is not one of http:// or https://")
    plain = asked.copy_with(userinfo=b"", fragment=None)
    if not asked.userinfo:
        return plain, {}
    both = f"{asked.username}:{asked.password}".encode()
    return plain, {"authorization": f"Basic {base64.b64encode(both).decode()}"}


def _redirect(response: httpx.Response, asked: httpx.URL) -> httpx.URL | None:
    place = response.headers.get("location")
    if response.status_code not in _REDIRECTS or not place:
        return None
    try:
        target = asked.join(place).copy_with(userinfo=b"", fragment=None)
    except (httpx.InvalidURL, ValueError) as error:
        reason = f"{asked.host} redirects to an address that cannot be read"
        raise OutgoingError("redirects", reason) from error
    if target.scheme not in ("http", "https") or not target.host:
        raise OutgoingError("redirects", f"{asked.host} redirects to what is not on the web")
    if asked.scheme == "https" and target.scheme == "http":
        reason = f"{asked.host} redirects from https to http at {target.host}"
        raise OutgoingError("redirects", reason)
    return target


@asynccontextmanager
async def _answered(
    way: _Way,
    method: str,
    url: httpx.URL,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> AsyncIterator[httpx.Response]:
    """Give the answer with its body still to be read, and close it afterwards."""
    with _explained(url.host, "protocol", "broke off before it answered"):
        try:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            request = httpx.Request(method, url, headers=raw, content=body)
            response = await way.send(request)
        except ValueError as error:
            # Host names and header values that a URL may hold and a connection may not.
            reason = f"the address or a header for {url.host} cannot be sent"
            raise OutgoingError("address", reason) from error
    try:
        with _explained(url.host, "truncated", "broke off in the middle of its answer"):
            yield response
    finally:
        await response.aclose()


@contextmanager
def _explained(host: str, kind: Kind, broken: str) -> Iterator[None]:
    """Turn httpx's errors into ours; *kind* and *broken* are for a connection that breaks."""
    try:
        yield
    except httpx.ConnectError as error:
        # The guard explains its own failures to connect: what is left is the TLS handshake.
        raise OutgoingError("tls", f"{host} offers no safe connection: {_tls(error)}") from error
    except httpx.LocalProtocolError as error:
        # The error's own text could show the header, which may be a credential.
        raise OutgoingError("protocol", f"a header for {host} cannot be sent") from error
    except httpx.RemoteProtocolError as error:
        reason = f"{host} does not speak HTTP: {error!s:.100}"
        raise OutgoingError("protocol", reason) from error
    except httpx.ReadError as error:
        raise OutgoingError(kind, f"{host} {broken}") from error


def _tls(error: httpx.ConnectError) -> str:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return str(cause.verify_message)
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return cause.reason.replace("_", " ").lower()
    return "the handshake was broken off"


def _reply(
    response: httpx.Response, url: httpx.URL, body: bytes, hops: tuple[tuple[int, str], ...] = ()
) -> Reply:
    headers: dict[str, str] = {}
    for name, value in response.headers.raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Reply(status=response.status_code, headers=headers, body=body, url=str(url), hops=hops)


async def _whole_body(response: httpx.Response, cap: int, url: httpx.URL) -> bytes:
    encoding = _encoding(response)
    inflate = None if encoding is None else Inflation(encoding)
    body = bytearray()
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        for piece in inflate.pieces(chunk) if inflate else (chunk,):
            body += piece
            if len(body) > cap:
                raise _too_large(url, cap)
        if received > cap + _STEP:  # what is packed so badly is meant to keep us busy
            raise _too_large(url, cap)
    if inflate and received and not inflate.ended:
        raise OutgoingError("truncated", f"{url.host} broke off in the middle of its packed answer")
    return bytes(body)


def _too_large(url: httpx.URL, cap: int) -> OutgoingError:
    return OutgoingError("too large", f"{url.host} sends more than {cap / 2**20:g} MiB")


async def _start_of_body(response: httpx.Response, cap: int) -> bytes:
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return b""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= cap:
            break
    return bytes(body[:cap])


def _encoding(response: httpx.Response) -> str | None:
    """Return how the body is packed, or None; raise OutgoingError for a way not asked for.

    Brotli and zstd are refused, since one small chunk of theirs may grow without bound.
    """
    written: str = response.headers.get("content-encoding", "")
    names = [name.strip().lower() for name in written.split(",")]
    packed = [name for name in names if name not in ("", "identity")]
    if not packed:
        return None
    if packed not in (["gzip"], ["x-gzip"], ["deflate"]):
        reason = f"the answer is packed as {written!r:.40}, which was not asked for"
        raise OutgoingError("encoding", reason)
    return packed[0]


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _origin(url: httpx.URL) -> _Origin:
    return url.scheme, url.raw_host.decode("ascii"), _port(url)


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else 443 if url.scheme == "https" else 80


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host or "the server"
    except (httpx.InvalidURL, ValueError):
        return "the server"
