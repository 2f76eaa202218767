"""Makes every outgoing HTTP request of the program: guarded, bounded in time and size.

With feeds/guard.py it is the one module that knows which HTTP library we use.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

import httpcore
import httpx

from feeds.guard import GuardedBackend, Kind, OutgoingError, Resolve, SystemResolver
from feeds.inflation import Inflation

__all__ = ["Kind", "Outgoing", "OutgoingError", "Reply"]

WEB_PORTS = frozenset({80, 443})

LARGEST_BODY = 10 * 1024 * 1024
LARGEST_ANSWER = 4096
MOST_CONNECTIONS = 1024
"""More than is ever asked at once, for who waits for a slow server must not keep others waiting."""

KEPT_FOR = timedelta(seconds=2)
"""Shorter than servers keep an idle connection: one that they close as we use it is a lost try."""

GET_DEADLINE = timedelta(seconds=30)
POST_DEADLINE = timedelta(seconds=20)

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
        self._kept = kept
        self._backends = {
            allow_private: GuardedBackend(resolve or self._system, allow_private=allow_private)
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
            backend = self._backends[allow_private]
            self._transports[key] = _Transport(backend, self._trusted, self._kept)
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
    """Sends httpx's requests through httpcore, since httpx's own transport takes no backend.

    It is used without httpx's client, which reads cookies and redirects even where it
    is told not to follow them, and fails on a `Location` that cannot be read. Timeouts
    are left to the one deadline over everything, which a server cannot put off by
    sending a byte now and then. httpcore's errors come through as they are.
    """

    def __init__(self, backend: GuardedBackend, trusted: ssl.SSLContext, kept: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted,
            network_backend=backend,
            max_connections=MOST_CONNECTIONS,
            # httpcore walks through all that are kept for each request. Without any, a pool also
            # belongs to no event loop between two requests.
            max_keepalive_connections=kept,
            keepalive_expiry=KEPT_FOR.total_seconds(),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore.Request(
            request.method,
            url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = await self._pool.handle_async_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        await self._pool.aclose()


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


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


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


@lru_cache(maxsize=1024)
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
    """Turn httpcore's errors into ours; *kind* and *broken* are for a connection that breaks."""
    try:
        yield
    except httpcore.ConnectError as error:
        # The backend explains its own failures to connect: what is left is the TLS handshake.
        raise OutgoingError("tls", f"{host} offers no safe connection: {_tls(error)}") from error
    except httpcore.LocalProtocolError as error:
        # The library's own text would show the header, which may be a credential.
        raise OutgoingError("protocol", f"a header for {host} cannot be sent") from error
    except httpcore.RemoteProtocolError as error:
        if "complete message body" in str(error) or "incomplete chunked" in str(error):
            raise OutgoingError("truncated", f"{host} {broken}") from error
        reason = f"{host} does not speak HTTP: {error!s:.100}"
        raise OutgoingError("protocol", reason) from error
    except (httpcore.NetworkError, ssl.SSLError) as error:
        raise OutgoingError(kind, f"{host} {broken}") from error


def _tls(error: httpcore.ConnectError) -> str:
    cause = error.args[0] if error.args else None
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


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, _port(url)


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else 443 if url.scheme == "https" else 80


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host or "the server"
    except (httpx.InvalidURL, ValueError):
        return "the server"
