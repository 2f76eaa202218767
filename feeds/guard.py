"""Keeps outgoing connections away from addresses that are nobody's business on the internet.

A feed, a redirect or a webhook may name a host that leads back into our own
network. The name is resolved once, every address that it has is judged, and
the connection goes to an address that was judged: nothing is connected to,
not even as a probe, before that.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import zip_longest
from typing import Literal

from feeds.connection import Connection, connected

Kind = Literal[
    "denied",
    "dns",
    "connect",
    "tls",
    "timeout",
    "too large",
    "truncated",
    "encoding",
    "redirects",
    "protocol",
    "address",
]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host, best first; raises OSError where there is none."""

_PRIVATE: dict[IPv4Network | IPv6Network, str] = {
    IPv4Network("10.0.0.0/8"): "a private address",
    IPv4Network("172.16.0.0/12"): "a private address",
    IPv4Network("192.168.0.0/16"): "a private address",
    IPv4Network("127.0.0.0/8"): "a loopback address",
    IPv4Network("100.64.0.0/10"): "an address inside a provider's network",
    IPv6Network("::1/128"): "a loopback address",
    IPv6Network("fc00::/7"): "a private address",
}
"""What `allow_private` opens."""

# The registries of special-purpose addresses (RFC 6890 and its successors) are written out
# because `ipaddress` knows a different part of them in each release of Python: 3.11.7 calls
# multicast, 6to4 and IPv4-compatible forms of 127.0.0.1 global.
_CLOSED: dict[IPv4Network | IPv6Network, str] = {
    IPv4Network("0.0.0.0/8"): "an unspecified address",
    IPv4Network("169.254.0.0/16"): "a link-local address",
    IPv4Network("192.0.0.0/24"): "a reserved address",
    IPv4Network("192.0.2.0/24"): "an address for documentation",
    IPv4Network("192.88.99.0/24"): "a 6to4 relay",
    IPv4Network("198.18.0.0/15"): "an address for benchmarks",
    IPv4Network("198.51.100.0/24"): "an address for documentation",
    IPv4Network("203.0.113.0/24"): "an address for documentation",
    IPv4Network("224.0.0.0/4"): "a multicast address",
    IPv4Network("240.0.0.0/4"): "a reserved address",
    IPv6Network("::/128"): "an unspecified address",
    IPv6Network("::/96"): "an IPv4-compatible address",
    IPv6Network("2001::/32"): "a Teredo address",
    IPv6Network("2001::/23"): "a reserved address",
    IPv6Network("2001:db8::/32"): "an address for documentation",
    IPv6Network("2002::/16"): "a 6to4 address",
    IPv6Network("3fff::/20"): "an address for documentation",
    IPv6Network("fe80::/10"): "a link-local address",
    IPv6Network("ff00::/8"): "a multicast address",
}
_NAT64 = IPv6Network("64:ff9b::/96")
_ALLOCATED = IPv6Network("2000::/3")
"""All IPv6 addresses given out so far; the rest is special or belongs to nobody."""

_ONE_CONNECT = 8.0
"""Seconds for one address: the third repetition of a lost SYN is sent after seven."""

_HEAD_START = 0.25
"""Seconds that one address has before the next is tried beside it (RFC 8305, section 8)."""


class OutgoingError(Exception):
    """A request that came to nothing; its text is the reason, one line for a person.

    *kind* sorts it. The text names hosts and nothing else of an address: paths
    and queries are where services keep their secrets.
    """

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(" ".join(reason.split()))
        self.kind = kind

    @property
    def reason(self) -> str:
        """Return what the text says."""
        return str(self)


def denied(address: str, *, allow_private: bool = False) -> str | None:
    """Return why nothing may be sent to the IP address *address*, or None if it may.

    IPv4 addresses inside IPv6 ones (v4-mapped, NAT64) are judged as themselves.
    *allow_private* opens private, loopback and shared (RFC 6598) addresses, and no others.

    >>> denied("127.0.0.1")
    'a loopback address'
    >>> denied("127.0.0.1", allow_private=True)
    >>> denied("169.254.169.254", allow_private=True)
    'a link-local address'
    """
    try:
        plain = _plain(ip_address(address.partition("%")[0]))
    except ValueError:
        return "not an IP address"
    if private := _listed(plain, _PRIVATE):
        return None if allow_private else private
    if closed := _listed(plain, _CLOSED):
        return closed
    if isinstance(plain, IPv6Address) and plain not in _ALLOCATED:
        return "not a public address"
    outside = plain.is_multicast or plain.is_reserved or plain.is_private or not plain.is_global
    return "not a public address" if outside else None


def _listed(
    address: IPv4Address | IPv6Address, networks: Mapping[IPv4Network | IPv6Network, str]
) -> str | None:
    return next((why for network, why in networks.items() if address in network), None)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


class SystemResolver:
    """Resolves as the operating system does, in threads of its own.

    A name server that does not answer holds a thread for many seconds; in the
    event loop's own pool it would hold up everybody's work.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of *host*, without repetition; raise OSError."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return tuple(dict.fromkeys(str(place[0]) for *_, place in found))

    def close(self) -> None:
        """Take no more questions; do not wait for answers that are still out."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Guard:
    """Connects to addresses that were judged.

    The `Host` header and TLS take the name from the URL, so that connecting to a bare
    address changes neither.
    """

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private

    async def connect(self, host: str, port: int) -> Connection:
        """Return a connection to the address of *host* that takes one first; or OutgoingError."""
        if not 0 < port < 65536:
            raise OutgoingError("address", f"{host} is refused: there is no port {port}")
        addresses = await self._judged(host, port)
        failures: list[OSError] = []
        if len(addresses) > 1:
            if (connection := await _first(addresses, port, failures)) is not None:
                return connection
        else:  # as nearly always
            try:
                return await _connected(addresses[0], port)
            except OSError as error:  # which a timeout is, too
                failures.append(error)
        reasons = ", ".join(dict.fromkeys(map(_why, failures)))
        raise OutgoingError("connect", f"{host} cannot be reached: {reasons}")

    async def _judged(self, host: str, port: int) -> Sequence[str]:
        addresses = (host,) if _is_literal(host) else await self._resolved(host, port)
        for address in addresses:
            why = denied(address, allow_private=self._allow_private)
            if why:
                never = self._allow_private or denied(address, allow_private=True)
                hint = "" if never else " (allow_private permits that)"
                raise OutgoingError("denied", f"{host} is refused: it leads to {why}{hint}")
        return addresses

    async def _resolved(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not a host name"
            raise OutgoingError("dns", f"{host} has no address: {why or error}") from error
        if not addresses:
            raise OutgoingError("dns", f"{host} has no address")
        return addresses


async def _first(addresses: Sequence[str], port: int, failures: list[OSError]) -> Connection | None:
    """Return the connection that stands first; each address has a head start on the next.

    None where no address takes one; *failures* are then the reasons (RFC 8305, section 5).
    """
    ahead = _in_turn(addresses)
    under_way: set[asyncio.Task[Connection]] = set()
    try:
        while ahead or under_way:
            if ahead:
                under_way.add(asyncio.create_task(_connected(ahead.pop(0), port)))
            ended, _ = await asyncio.wait(
                under_way,
                timeout=_HEAD_START if ahead else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for one in ended:
                under_way.remove(one)
                try:
                    return one.result()
                except OSError as error:
                    failures.append(error)
        return None
    finally:
        for late in under_way:
            late.cancel()
            late.add_done_callback(_close)


async def _connected(address: str, port: int) -> Connection:
    async with asyncio.timeout(_ONE_CONNECT):
        return await connected(address, port)


def _close(late: asyncio.Task[Connection]) -> None:
    """Close a connection that stood just when another had won."""
    if not late.cancelled() and late.exception() is None:
        late.result().abort()


def _in_turn(addresses: Sequence[str]) -> list[str]:
    """Return the addresses with their two families in turn, beginning with that of the first."""
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    pairs = zip_longest(*families.values())
    return [address for pair in pairs for address in pair if address is not None]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    known = error.errno is not None and error.errno in errno.errorcode
    return os.strerror(error.errno or 0) if known else "no connection"
