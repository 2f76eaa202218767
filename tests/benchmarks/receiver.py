"""A receiver in a process of its own, for benches: verifies, takes its time, and refuses some.

Arguments: the secret, seconds for each answer, and the share of deliveries that it refuses once. It prints its
port; the line "count" on standard input is answered by how many deliveries were taken so far,
and each other by all of it, as a line of JSON.
"""

from __future__ import annotations

import asyncio
import collections
import json
import random
import sys
import time

from standardwebhooks import Webhook, WebhookVerificationError

PHRASES = {204: b"204 No Content", 401: b"401 Unauthorized", 500: b"500 Internal Server Error"}


class Counts:
    """What arrived: when each delivery was taken first, its bytes, and how often it came again."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}
        self.first: dict[str, float] = {}
        self.bodies: dict[str, int] = {}
        self.counts: collections.Counter[str] = collections.Counter()

    def take(self, identity: str, body: bytes, status: int) -> None:
        now = time.time()
        self.first.setdefault(identity, now)
        if self.bodies.setdefault(identity, hash(body)) != hash(body):
            self.counts["altered"] += 1
        self.counts[str(status)] += 1
        if status == 204:
            self.counts["again"] += identity in self.taken
            self.taken.setdefault(identity, now)


class Receiver(asyncio.Protocol):
    """One connection, which stays open."""

    def __init__(self, counts: Counts, secret: str, seconds: float, refused: float) -> None:
        self.counts = counts
        self.webhook = Webhook(secret)
        self.seconds = seconds
        self.refused = refused
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = self.buffer[:end].decode("latin-1").split("\r\n")[1:]
            headers = {name.lower(): text for name, _, text in (li.partition(": ") for li in lines)}
            size = end + 4 + int(headers["content-length"])
            if len(self.buffer) < size:
                return
            body, self.buffer = self.buffer[end + 4 : size], self.buffer[size:]
            asyncio.get_running_loop().call_later(self.seconds, self.answer, headers, body)

    def answer(self, headers: dict[str, str], body: bytes) -> None:
        # A second refusal would be waited for for five minutes.
        is_first = headers["webhook-id"] not in self.counts.first
        status = 500 if is_first and random.random() < self.refused else 204
        try:
            self.webhook.verify(body, headers)
        except WebhookVerificationError:
            status = 401
        self.counts.take(headers["webhook-id"], body, status)
        self.transport.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\n\r\n" % PHRASES[status])


async def main() -> None:
    """Serve until standard input ends."""
    secret, seconds, refused = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Receiver(counts, secret, seconds, refused), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        said = {"taken": counts.taken, "first": counts.first, "counts": dict(counts.counts)}
        print(json.dumps(len(counts.taken) if line == "count\n" else said), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
