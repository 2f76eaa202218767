"""Loopback servers that answer as a test tells them to, byte for byte."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import ParamSpec

from standardwebhooks import Webhook, WebhookVerificationError

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in; *headers* have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    lines: tuple[bytes, ...]


Answer = bytes | Callable[[Asked], bytes | AsyncIterator[bytes]]
"""What a server sends before it closes: bytes, or what gives them, at once or bit by bit."""


@dataclass(slots=True, kw_only=True)
class Server:
    """A listening server: what it was asked, and how many connections reached it
    and how many of those are open."""

    port: int
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    open: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@dataclass(slots=True, kw_only=True)
class Receiver:
    """A webhook receiver that takes only what it can verify, and remembers it."""

    secret: str
    status: int = 204
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    refused: int = 0

    def __call__(self, asked: Asked) -> bytes:
        try:
            Webhook(self.secret).verify(asked.body, dict(asked.headers))
        except WebhookVerificationError:
            self.refused += 1
            return respond(401)
        self.taken.append((asked.headers["webhook-id"], asked.body))
        return respond(self.status)


def respond(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer; `content_type="…"` becomes the header `content-type`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    given.setdefault("content-length", str(len(body)))
    lines = [f"HTTP/1.1 {status} Answer", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def drip(data: bytes, every: float, *, first: bytes = b"") -> Answer:
    """Return an answer that sends *first* at once, and *data* a byte at a time."""

    async def bit_by_bit(_: Asked) -> AsyncIterator[bytes]:
        yield first
        for byte in data:
            await asyncio.sleep(every)
            yield bytes([byte])

    return bit_by_bit


@asynccontextmanager
async def serving(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve *answers* on 127.0.0.1 and, if it exists, ::1: one a request, the last for ever."""
    server = Server(port=0, scheme="https" if tls else "http")
    at_work: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        at_work.add(task)
        server.connections += 1
        server.open += 1
        try:
            asked = await _asked(reader)
            server.asked.append(asked)
            await _answer(answers[min(len(server.asked), len(answers)) - 1], asked, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            at_work.discard(task)
            server.open -= 1
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    first = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = first.sockets[0].getsockname()[1]
    listening = [first]
    with suppress(OSError):
        listening.append(await asyncio.start_server(serve, "::1", server.port, ssl=tls))
    try:
        yield server
    finally:
        for listener in listening:
            listener.close()
        for task in list(at_work):
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


def in_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Return the test as pytest runs it: in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def story() -> None:
            await test(*args, **kwargs)

        asyncio.run(story())

    return run


async def _asked(reader: asyncio.StreamReader) -> Asked:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.strip().split(b"\r\n")
    method, target, _ = first.decode("latin-1").split(" ")
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method=method, target=target, headers=headers, body=body, lines=tuple(lines))


async def _answer(answer: Answer, asked: Asked, writer: asyncio.StreamWriter) -> None:
    given = answer if isinstance(answer, bytes) else answer(asked)
    if isinstance(given, bytes):
        writer.write(given)
        await writer.drain()
        return
    async for chunk in given:
        writer.write(chunk)
        await writer.drain()
