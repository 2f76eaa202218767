"""Connections for httpcore on asyncio's own streams: its usual way, anyio's, takes twice as long.

No call has a timeout of its own: the caller's one deadline cancels them all.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore


async def connected(address: str, port: int) -> Stream:
    """Return a connection to an IP address; raise OSError."""
    reader, writer = await asyncio.open_connection(address, port)
    return Stream(reader, writer)


class Stream(httpcore.AsyncNetworkStream):
    """One connection, bare or under TLS."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        below: Stream | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._below = below  # a writer that nobody holds any more closes its connection

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, b"" at the end."""
        with _explained(httpcore.ReadError):
            return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer*."""
        if buffer:
            with _explained(httpcore.WriteError):
                self._writer.write(buffer)
                await self._writer.drain()

    async def aclose(self) -> None:
        """Close at once: what has not been sent by now, nobody waits for."""
        self.abort()

    def abort(self) -> None:
        """Close without waiting."""
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return the connection under TLS; where that fails, or is cut off, it is closed."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            with _explained(httpcore.ConnectError):
                transport = await loop.start_tls(
                    self._writer.transport, protocol, ssl_context, server_hostname=server_hostname
                )
        except BaseException:
            await self.aclose()
            raise
        assert transport is not None  # noqa: S101  typed so for servers that were closed meanwhile
        protocol.connection_made(transport)
        return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop), self)

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a connection: whether the other side has closed it."""
        if info == "ssl_object":
            return self._writer.get_extra_info("ssl_object")
        return self._reader.at_eof() if info == "is_readable" else None


@contextmanager
def _explained(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError) as error:
        raise kind(error) from error
