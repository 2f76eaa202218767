"""Endpoints, their deliveries and the internet between them, all in one process and at one's own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from feeds.outgoing import Outgoing, OutgoingError, Reply
from feeds.payload import digest
from feeds.webhooks import Webhooks
from rules import RuleSet
from store import Delivery, Endpoint, EndpointSpec, Owed, delivery_id
from store.database import Database
from tests.builders import NOON
from watcher.bridge import Bridge
from watcher.decide import Desk
from watcher.drain import Drainer
from watcher.notices import of_disabled

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A request that reached a receiver."""

    at: datetime
    endpoint: str
    id: str
    headers: Mapping[str, str]
    body: bytes


Receive = Callable[[Posted], int | tuple[int, Mapping[str, str]]]
"""Answers with a status, and headers if it likes; an OutgoingError is no answer at all."""


@dataclass(slots=True)
class Internet(Outgoing):
    """Stands where Outgoing does: carries requests to receivers by name, and remembers them."""

    clock: Callable[[], datetime]
    receivers: dict[str, Receive] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)

    async def post(  # type: ignore[override]
        self, url: str, *, headers: Mapping[str, str], body: bytes, **_: Any
    ) -> Reply:
        name = url.rpartition("/")[2]
        said = Posted(
            at=self.clock(), endpoint=name, id=headers["webhook-id"], headers=headers, body=body
        )
        self.posted.append(said)
        await asyncio.sleep(0)
        answer = self.receivers.get(name, lambda _: 204)(said)
        status, extra = (answer, {}) if isinstance(answer, int) else answer
        return Reply(status=status, headers=extra, body=b"", url=url)

    def to(self, endpoint: str) -> list[Posted]:
        return [one for one in self.posted if one.endpoint == endpoint]


def dead(_: Posted) -> int:
    raise OutgoingError("connect", "news.example cannot be reached: Connection refused")


@dataclass(slots=True)
class Office:
    """A store with endpoints, and the drainer that sends what they are owed."""

    database: Database
    specs: dict[str, EndpointSpec]
    now: datetime = NOON
    internet: Internet = field(init=False)
    drainer: Drainer = field(init=False)
    rung: list[str] = field(default_factory=list)
    awaited: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.internet = Internet(self.clock)
        bridge = Bridge()
        desk = Desk(rules=RuleSet([]), endpoints=self.specs, base_url="https://desk.example")
        self.drainer = Drainer(
            self.database,
            bridge,
            {"webhook": Webhooks(self.internet)},
            self._spec,
            self.clock,
            lambda *said: of_disabled(desk, *said),
            self._ring,
            lambda bundle: digest(bundle, base_url="https://desk.example"),
            self._pause,
        )
        self.database.sync_endpoints(tuple(self.specs), self.now)

    def clock(self) -> datetime:
        return self.now

    async def _spec(self, name: str) -> EndpointSpec | None:
        return self.specs.get(name)

    async def _ring(self, _: str, key: str) -> None:
        self.rung.append(key)

    async def _pause(self, seconds: float) -> None:
        """Wait at one's own time, which goes on to the first instant that somebody waits for."""
        until = self.now + timedelta(seconds=seconds)
        self.awaited.append(until)
        while self.now < until:
            await asyncio.sleep(0)
            if until == min(self.awaited):
                self.now = max(self.now, until)
        self.awaited.remove(until)

    def owe(self, count: int = 1, *names: str, begin: int = 0) -> list[str]:
        """Owe so many deliveries to each endpoint, or those named; return their ids."""
        owed = [
            Owed(
                id=delivery_id("match.created", str(begin + number), name),
                endpoint=name,
                event="match.created",
                payload={"type": "match.created", "data": {"number": begin + number}},
            )
            for number in range(count)
            for name in names or self.specs
        ]
        return [one.id for one in self.database.owe(owed, self.now)]

    def drain(self, *names: str) -> int:
        """Send what is due now, to all at once; return how much arrived."""

        async def all_at_once() -> int:
            due = names or self.database.due_endpoints(self.now)
            return sum(await asyncio.gather(*map(self.drainer.drain, due)))

        return asyncio.run(all_at_once())

    def pass_time(self, **length: float) -> None:
        self.now += timedelta(**length)

    def endpoint(self, name: str = "newsroom") -> Endpoint:
        return next(one for one in self.database.endpoints() if one.name == name)

    def states(self, name: str = "newsroom") -> list[str]:
        return sorted(one.state for one in self.database.deliveries(endpoint=name, limit=10_000))

    def only(self, name: str = "newsroom") -> Delivery:
        (listed,) = self.database.deliveries(endpoint=name)
        found = self.database.delivery(listed.id)
        assert found is not None
        return found


def a_spec(name: str, **changed: Any) -> EndpointSpec:
    given: dict[str, Any] = {"url": f"https://news.example/{name}", "secrets": (SECRET,)}
    return EndpointSpec(name=name, **{**given, **changed})


@contextmanager
def office(folder: Path, *specs: EndpointSpec) -> Iterator[Office]:
    database = Database.open(f"sqlite:///{folder / 'tocsin.db'}")
    known = specs or (a_spec("newsroom", rate=1000),)
    try:
        yield Office(database, {spec.name: spec for spec in known})
    finally:
        database.close()
