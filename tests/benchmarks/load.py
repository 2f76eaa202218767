"""Asks a server for one address again and again: `python -m tests.benchmarks.load REQUESTS`.

Prints how many answers a second came, and how long they took. Answers to one request are
all of one length, so that counting bytes is enough to tell where one ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop


@dataclass
class Load:
    """What is asked. With a *rate*, so many requests a second are sent, late or not."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    connections: int = 16
    count: int = 20_000
    rate: float = 0
    seconds: float = 0

    @property
    def request(self) -> bytes:
        parts = urlsplit(self.url)
        lines = [f"GET {parts.path} HTTP/1.1", f"host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


class Asking(asyncio.Protocol):
    def __init__(self, load: Load, run: Run) -> None:
        self.load, self.run = load, run
        self.length = 0
        self.head = b""
        self.left = 0
        self.sent_at = 0.0
        self.next_at = 0.0

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.next_at = time.perf_counter()
        self.ask()

    def ask(self) -> None:
        now = time.perf_counter()
        if self.load.rate:
            self.sent_at = self.next_at
            self.next_at += self.load.connections / self.load.rate
            if self.sent_at > now:
                asyncio.get_running_loop().call_later(self.sent_at - now, self.send)
                return
        else:
            self.sent_at = now
        self.send()

    def send(self) -> None:
        self.left = 0
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        if not self.left:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self.head[:end].lower(), self.head[end + 4 :]
            self.run.statuses.add(int(head.split(b" ", 2)[1]))
            _, marked, length = head.partition(b"content-length: ")
            self.left = int(length.split(b"\r\n")[0]) if marked else 0
            self.head = b""
        self.left -= len(data)
        if self.left <= 0:
            self.run.answered(time.perf_counter() - self.sent_at)
            if not self.run.done.done():
                self.ask()

    def connection_lost(self, error) -> None:
        if not self.run.done.done():
            self.run.done.set_exception(error or ConnectionError("the server hung up"))


class Run:
    def __init__(self, load: Load) -> None:
        self.load = load
        self.took: list[float] = []
        self.statuses: set[int] = set()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun = time.perf_counter()

    def answered(self, seconds: float) -> None:
        self.took.append(seconds)
        lasted = time.perf_counter() - self.begun
        enough = lasted >= self.load.seconds if self.load.seconds else False
        if not self.done.done() and (enough or len(self.took) >= self.load.count):
            self.done.set_result(None)


async def main(load: Load) -> dict[str, object]:
    parts = urlsplit(load.url)
    run = Run(load)
    loop = asyncio.get_running_loop()
    for _ in range(load.connections):
        await loop.create_connection(lambda: Asking(load, run), parts.hostname, parts.port)
    await run.done
    lasted = time.perf_counter() - run.begun
    took = sorted(run.took)
    return {
        "per_second": round(len(took) / lasted),
        "p50_ms": round(took[len(took) // 2] * 1000, 2),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 2),
        "longest_ms": round(took[-1] * 1000, 2),
        "answers": len(took),
        "statuses": sorted(run.statuses),
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(Load(**json.loads(sys.argv[1]))))))
